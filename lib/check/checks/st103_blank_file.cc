// ST103: a shard has no bytes, or only zeros.
// docs/checks/ST103-blank-file.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/foreign.h"
#include "check/wording.h"

namespace shardwright {
namespace {

void blank_file(const Model& model, const Reporter& report) {
  using safetensors::ForeignKind;
  for (const Shard& shard : model.checkpoint.shards) {
    const bool zeros = shard.foreign == ForeignKind::kZeros;
    if (shard.use != ShardUse::kLoaded || (!zeros && shard.foreign != ForeignKind::kEmpty)) {
      continue;
    }
    const std::string what =
        zeros ? fmt::format(
                    "begins with zero bytes where its header should be ({} in all): space "
                    "was reserved for it, and it was never written",
                    byte_count(shard.entry.bytes))
              : std::string("is empty: a download or a save stopped before its first byte");
    report({.file = shard.file,
            .message = fmt::format("{} {}; {}", quoted(shard.file), what,
                                   prints(what_loaders_print(shard))),
            .fix = no_fix("fetch the file again, or write it again from its source"),
            .group = zeros ? "zeros" : "empty"});
  }
}

}  // namespace

extern const Check kBlankFile;
constinit const Check kBlankFile{
    .code = "ST103",
    .name = "blank-file",
    .summary = "a shard is empty or begins with nothing but zero bytes",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = blank_file,
};

}  // namespace shardwright
