// TD601: a weight holds NaN or infinity.
// docs/checks/TD601-not-finite.md
#include <optional>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/quantization.h"

namespace shardwright {
namespace {

// The data is longer or shorter than the header says: where it is shifted, all of it is nonsense,
// and that is one cause.
bool may_be_shifted(const Shard& shard) {
  return shard.header && (shard.header->count(safetensors::DefectKind::kTrailingBytes) > 0 ||
                          shard.header->count(safetensors::DefectKind::kRangePastData) > 0);
}

// A single infinity, or a mask of them, in a tensor that no rule knows: a bound that does not bind.
bool is_limit(const Model& model, const Tensor& tensor, const ScanResult& scan) {
  if (scan.nan > 0 || (model.join.compared && model.expected_of(tensor) != nullptr)) {
    return false;
  }
  return scan.elements == 1 || tensor.name.ends_with("mask");
}

void not_finite(const Model& model, const Reporter& report) {
  for (std::size_t i = 0; i < model.data.scans.size(); ++i) {
    const ScanResult& scan = model.data.scans[i];
    if (scan.nan == 0 && scan.infinite == 0) continue;
    const Tensor& tensor = model.checkpoint.tensors[i];
    // What loaders pass over may be a mask of infinities.
    if (model.join.compared && model.expected->is_ignored(tensor.name)) continue;
    if (holds_four_bits(model.checkpoint, tensor)) continue;  // any bits are good ones
    const Shard& shard = model.checkpoint.shards[tensor.shard];
    std::optional<Severity> severity;
    if (is_limit(model, tensor, scan)) severity = Severity::kInfo;
    report({.file = shard.file,
            .tensor = std::string(tensor.name),
            .message = fmt::format(
                "{} holds {} NaN and {} infinite values among {}, the first at element {}: every "
                "output that they reach is NaN",
                quoted(tensor.name), scan.nan, scan.infinite, scan.elements, scan.first_bad),
            .severity = severity,
            .fix = no_fix("the values are gone: take the tensor from an earlier checkpoint, or "
                          "merge again without what "
                          "overflowed"),
            .group = may_be_shifted(shard) ? shard.file : std::string()});
  }
}

}  // namespace

extern const Check kNotFinite;
constinit const Check kNotFinite{
    .code = "TD601",
    .name = "not-finite",
    .summary = "a weight holds NaN or infinity",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = not_finite,
};

}  // namespace shardwright
