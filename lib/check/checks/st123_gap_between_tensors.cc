// ST123: bytes between the tensors belong to none of them.
// docs/checks/ST123-gap-between-tensors.md
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/relay.h"
#include "check/shard_defects.h"
#include "check/wording.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;

void gap_between_tensors(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    const auto defects = defects_of(shard, {DefectKind::kGap});
    if (defects.empty()) continue;
    const auto names = tensors_of(defects);
    std::uint64_t unowned = 0;
    for (const Defect* defect : defects)
      unowned += defect->found - defect->expected;  // disjoint parts of the data
    const Defect& first = *defects.front();
    const std::string all = defects.size() == 1
                                ? std::string()
                                : fmt::format(", the first of {} gaps with {} in all",
                                              defects.size(), byte_count(unowned));
    report({.file = shard.file,
            .tensor = std::string(first.tensor),
            .message = fmt::format(
                "{} before {} belong to no tensor: it begins at byte {} of the data, and byte {} "
                "is expected{}; {}",
                counted(first.found - first.expected, "byte"), quoted(first.tensor), first.found,
                first.expected, all, prints(DefectKind::kGap)),
            .fix = relay_fix(
                model, shard,
                "lay the tensors one after the other; the bytes between them are dropped"),
            .places = {names.begin(), names.end()}});
  }
}

}  // namespace

extern const Check kGapBetweenTensors;
constinit const Check kGapBetweenTensors{
    .code = "ST123",
    .name = "gap-between-tensors",
    .summary = "bytes before or between the tensors belong to none of them",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = gap_between_tensors,
};

}  // namespace shardwright
