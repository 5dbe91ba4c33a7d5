#include "merge/verify_adapter.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "base/try.h"
#include "merge/read_floats.h"

namespace shardwright {
namespace {

constexpr std::size_t kCompared = 32U << 10U;  // elements at once

// The distance of two neighbours of a dtype: by their size, and the smallest between any two.
struct Spacing {
  double relative{}, least{};
};

Spacing spacing_of(DType dtype) {
  switch (dtype) {
    case DType::kBF16:
      return {0x1p-7, 0x1p-133};
    case DType::kF16:
      return {0x1p-10, 0x1p-24};
    case DType::kF8E4M3:
      return {0x1p-3, 0x1p-9};
    case DType::kF8E5M2:
      return {0x1p-2, 0x1p-16};
    default:
      return {0x1p-22, 0x1p-133};  // F32 and wider; sums are taken in fp32
  }
}

}  // namespace

Result<DeltaMatch> match_delta(const Adapted& adapted, const Tensor& merged) {
  DeltaMatch match;
  const std::uint64_t elements = element_count(merged.shape).value_or(0);
  std::vector<std::byte> raw;
  std::vector<float> base(std::min<std::uint64_t>(kCompared, elements));
  std::vector<float> with(base.size());
  std::vector<float> found(base.size());
  const Spacing before = spacing_of(adapted.stored);
  const Spacing after = spacing_of(merged.dtype);
  const double relative = std::max(before.relative, after.relative);
  const double least = std::max(before.least, after.least);
  for (std::uint64_t first = 0; first < elements; first += kCompared) {
    const std::size_t count = std::min<std::uint64_t>(kCompared, elements - first);
    SW_TRY_OK(read_floats(*adapted.base, first, std::span(base).first(count), raw));
    SW_TRY_OK(read_floats(adapted.tensor, first, std::span(with).first(count), raw));
    SW_TRY_OK(read_floats(merged, first, std::span(found).first(count), raw));
    for (std::size_t i = 0; i < count; ++i) {
      const double b = base[i];
      const double w = with[i];
      const double m = found[i];
      match.delta_delta += (w - b) * (w - b);
      match.delta_merged += (w - b) * (m - b);
      const double off = std::fabs(m - w);
      const double size = std::max({std::fabs(b), std::fabs(w), std::fabs(m), std::fabs(w - b)});
      match.largest = std::max(match.largest, off);
      // Written so that a NaN is apart.
      const bool near = off <= relative * size + least || m == w;
      if (!near) ++match.apart;
    }
  }
  return match;
}

}  // namespace shardwright
