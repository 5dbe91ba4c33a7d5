#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "report/words.h"
#include "shardwright/report.h"

namespace shardwright {

std::string synth_text(const SynthReport& report, std::string_view output) {
  return fmt::format("wrote {}: {}, {} in {}, {} parameters, {}\n", shell_word(output),
                     printable(report.schema), counted(report.tensors, "tensor"),
                     counted(report.shards, "shard"), short_count(report.parameters),
                     human_bytes(report.tensor_bytes));
}

}  // namespace shardwright
