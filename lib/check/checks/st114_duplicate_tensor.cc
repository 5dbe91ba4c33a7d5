// ST114: a header names a tensor twice.
// docs/checks/ST114-duplicate-tensor.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/relay.h"
#include "check/shard_defects.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;

void duplicate_tensor(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    for (const Defect* defect : defects_of(shard, {DefectKind::kDuplicateTensor})) {
      report({.file = shard.file,
              .tensor = std::string(defect->tensor),
              .message = fmt::format("{} stands twice in the header: transformers takes the last "
                                     "entry, and other loaders take the first or refuse the file",
                                     quoted(defect->tensor)),
              .fix = relay_fix(model, shard,
                               "write the header anew with the last entry of each name")});
    }
  }
}

}  // namespace

extern const Check kDuplicateTensor;
constinit const Check kDuplicateTensor{
    .code = "ST114",
    .name = "duplicate-tensor",
    .summary = "a header names a tensor twice",
    .severity = Severity::kWarning,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = duplicate_tensor,
};

}  // namespace shardwright
