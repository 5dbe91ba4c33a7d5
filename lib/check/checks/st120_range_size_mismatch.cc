// ST120: a tensor's byte range has not the size that its dtype and shape need.
// docs/checks/ST120-range-size-mismatch.md
#include <array>
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/shard_defects.h"
#include "check/wording.h"
#include "tensor/shape.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;
using safetensors::TensorEntry;

// "'a' F32 [2, 3]".
std::string described(const TensorEntry& entry) {
  return fmt::format("{} {} {}", quoted(entry.name), dtype_name(entry.dtype),
                     shape_text(entry.shape));
}

// The dtype that the range would fit: a label that is wrong is the usual cause.
std::string fitting(const TensorEntry& entry, std::uint64_t bytes) {
  for (const DType dtype : {DType::kF8E4M3, DType::kBF16, DType::kF32, DType::kF64}) {
    if (bytes > 0 && size_in_bytes(dtype, entry.shape) == bytes) {
      return fmt::format(", as much as {} needs", dtype_name(dtype));
    }
  }
  return "";
}

std::string what(const Defect& defect, const TensorEntry& entry) {
  switch (defect.kind) {
    case DefectKind::kShapeOverflow:
      return fmt::format("the shape of {} has more bits than 64-bit numbers count",
                         described(entry));
    case DefectKind::kSubByte:
      return fmt::format("{} has {} bits, which are no whole number of bytes", described(entry),
                         defect.found);
    case DefectKind::kRangeReversed:
      return fmt::format("the range of {} ends at byte {}, before it begins at {}",
                         described(entry), defect.found, defect.expected);
    default:
      return fmt::format("{} needs {}, and its range has {}{}", described(entry),
                         counted(defect.expected, "byte"), counted(defect.found, "byte"),
                         fitting(entry, defect.found));
  }
}

void range_size_mismatch(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    const auto defects = defects_of(shard, {DefectKind::kRangeSize, DefectKind::kShapeOverflow,
                                            DefectKind::kSubByte, DefectKind::kRangeReversed});
    if (defects.empty()) continue;
    const Entries entries(*shard.header);
    for (const Defect* defect : defects) {
      const TensorEntry* entry = entries.find(defect->tensor);
      report(
          {.file = shard.file,
           .tensor = std::string(defect->tensor),
           .message =
               fmt::format("{}; {}", what(*defect, entry != nullptr ? *entry : TensorEntry{}),
                           prints(defect->kind)),
           .fix = no_fix("nobody can tell whether shape, dtype or range is right: fetch the file "
                         "again, or write it again from its source")});
    }
  }
}

}  // namespace

extern const Check kRangeSizeMismatch;
constinit const Check kRangeSizeMismatch{
    .code = "ST120",
    .name = "range-size-mismatch",
    .summary = "a tensor's byte range has not the size that its dtype and shape need",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = range_size_mismatch,
};

}  // namespace shardwright
