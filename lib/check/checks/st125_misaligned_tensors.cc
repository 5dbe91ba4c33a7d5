// ST125: tensors do not begin at a multiple of their element's size.
// docs/checks/ST125-misaligned-tensors.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/relay.h"
#include "check/shard_defects.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;

void misaligned_tensors(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    const auto defects = defects_of(shard, {DefectKind::kMisaligned});
    if (defects.empty()) continue;
    const auto names = tensors_of(defects);
    const Defect& first = *defects.front();
    Report finding{
        .file = shard.file,
        .tensor = std::string(names.front()),
        .message = fmt::format(
            "{} of {} tensors do not begin at a multiple of their element's size: {} begins at "
            "byte {} of the file, and its elements have {} bytes; legal, and readers that map the "
            "file (MLX, Metal, CUDA) have to copy such tensors",
            shard.header->count(DefectKind::kMisaligned), shard.header->tensors.size(),
            quoted(first.tensor), first.found, first.expected),
        .places = {names.begin(), names.end()}};
    // Where the file has other damage, that is what stops a repair.
    if (relay_of(model, shard).safety == Safety::kSafe) {
      finding.fix = relay_fix(model, shard, "lay the tensors anew, wide elements first");
    }
    report(std::move(finding));
  }
}

}  // namespace

extern const Check kMisalignedTensors;
constinit const Check kMisalignedTensors{
    .code = "ST125",
    .name = "misaligned-tensors",
    .summary = "tensors do not begin at a multiple of their element's size",
    .severity = Severity::kInfo,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = misaligned_tensors,
};

}  // namespace shardwright
