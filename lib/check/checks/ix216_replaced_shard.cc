// IX216: another shard lies in the place of a shard.
// docs/checks/IX216-replaced-shard.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

void replaced_shard(const Model& model, const Reporter& report) {
  for (const ReplacedShard& replaced : model.index_join.replaced) {
    const std::string& file = model.checkpoint.shards[replaced.shard].file;
    report({.file = file,
            .message = fmt::format(
                "{} is not the file that the index was written for: no shard holds {} of the {} "
                "placed in it, {} for one, and it holds {} that the index places in others, as in "
                "{}; transformers fills what is missing with random values",
                quoted(file), replaced.lost.size(), counted(replaced.placed, "tensor"),
                quoted(replaced.lost.front()), replaced.foreign, quoted(replaced.foreign_file)),
            .fix = no_fix("what the file held is gone: fetch it again, for example with 'hf "
                          "download', or write the checkpoint again")});
  }
}

}  // namespace

extern const Check kReplacedShard;
constinit const Check kReplacedShard{
    .code = "IX216",
    .name = "replaced-shard",
    .summary = "another shard lies in the place of a shard",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = replaced_shard,
};

}  // namespace shardwright
