// ST122: the byte ranges of two tensors overlap.
// docs/checks/ST122-overlapping-ranges.md
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
using safetensors::TensorEntry;

std::string what(const Defect& defect, const TensorEntry* entry, const TensorEntry* other) {
  if (entry == nullptr || other == nullptr) {
    return fmt::format("the range of {} overlaps that of {}", quoted(defect.tensor),
                       quoted(defect.other));
  }
  if (entry->begin == entry->end) {
    return fmt::format(
        "{} is empty, and stands at byte {} of the data inside {}, which ends at "
        "byte {}",
        quoted(defect.tensor), defect.found, quoted(defect.other), defect.expected);
  }
  if (entry->begin == other->begin && entry->end == other->end) {
    return fmt::format(
        "{} has the range of {}, bytes {} to {} of the data: two tensors may not "
        "share bytes",
        quoted(defect.tensor), quoted(defect.other), entry->begin, entry->end);
  }
  return fmt::format("{} begins at byte {} of the data, before {} ends at byte {}",
                     quoted(defect.tensor), defect.found, quoted(defect.other), defect.expected);
}

void overlapping_ranges(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    const auto defects = defects_of(shard, {DefectKind::kOverlap});
    if (defects.empty()) continue;
    const Entries entries(*shard.header);
    for (const Defect* defect : defects) {
      const TensorEntry* entry = entries.find(defect->tensor);
      const bool harmless = entry != nullptr && entry->begin == entry->end;
      report({.file = shard.file,
              .tensor = std::string(defect->tensor),
              .message = fmt::format("{}; {}", what(*defect, entry, entries.find(defect->other)),
                                     prints(defect->kind)),
              .fix = harmless ? relay_fix(model, shard, "lay the tensors one after the other")
                              : no_fix("nobody can tell whose the bytes are: fetch the file again, "
                                       "or write it again from its source")});
    }
  }
}

}  // namespace

extern const Check kOverlappingRanges;
constinit const Check kOverlappingRanges{
    .code = "ST122",
    .name = "overlapping-ranges",
    .summary = "the byte ranges of two tensors overlap",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = overlapping_ranges,
};

}  // namespace shardwright
