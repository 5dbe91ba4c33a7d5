// ST124: bytes after the last tensor belong to none.
// docs/checks/ST124-trailing-bytes.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/relay.h"
#include "check/shard_defects.h"
#include "check/wording.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;

void trailing_bytes(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    for (const Defect* defect : defects_of(shard, {DefectKind::kTrailingBytes})) {
      const std::string size = byte_count(defect->found - defect->expected);
      if (shard.header->tensors.empty()) {
        report(
            {.file = shard.file,
             .message = fmt::format("the header of {} names no tensor, and {} of data follow; {}",
                                    quoted(shard.file), size, prints(defect->kind)),
             .fix = no_fix("nobody can tell what the bytes are: write the file again from its "
                           "source")});
        continue;
      }
      report({.file = shard.file,
              .message = fmt::format(
                  "{} after the last tensor of {} belong to none: the ranges end at byte {} of the "
                  "data, and it has {}; {}",
                  size, quoted(shard.file), defect->expected, counted(defect->found, "byte"),
                  prints(defect->kind)),
              .fix = relay_fix(model, shard,
                               "write the file anew without the bytes after the last tensor")});
    }
  }
}

}  // namespace

extern const Check kTrailingBytes;
constinit const Check kTrailingBytes{
    .code = "ST124",
    .name = "trailing-bytes",
    .summary = "bytes after the last tensor belong to none",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = trailing_bytes,
};

}  // namespace shardwright
