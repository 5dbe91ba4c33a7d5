#include "merge/verify_adapter.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/try.h"
#include "merge/kernels.h"

namespace shardwright {
namespace {

constexpr std::size_t kCompared = 32U << 10U;  // elements at once

// The distance of two neighbours of the dtype, by their size.
double spacing_of(DType dtype) {
  switch (dtype) {
    case DType::kBF16:
      return 0x1p-7;
    case DType::kF16:
      return 0x1p-10;
    case DType::kF8E4M3:
      return 0x1p-3;
    case DType::kF8E5M2:
      return 0x1p-2;
    default:
      return 0x1p-22;  // F32 and wider; sums are taken in fp32
  }
}

// And the smallest that there is between any two.
double least_spacing_of(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return 0x1p-24;
    case DType::kF8E4M3:
      return 0x1p-9;
    case DType::kF8E5M2:
      return 0x1p-16;
    default:
      return 0x1p-133;
  }
}

Status read_run(const Tensor& tensor, std::uint64_t first, std::size_t count,
                std::vector<std::byte>& raw, std::vector<float>& to) {
  const std::uint64_t width = dtype_bits(tensor.dtype) / 8;
  raw.resize(count * width);
  SW_TRY_OK(tensor.read(first * width, raw));
  kernel::decode(tensor.dtype, raw, to.data());
  return ok();
}

}  // namespace

Result<DeltaMatch> match_delta(const Adapted& adapted, const Tensor& merged) {
  DeltaMatch match;
  const std::uint64_t elements = element_count(merged.shape).value_or(0);
  std::vector<std::byte> raw;
  std::vector<float> base(std::min<std::uint64_t>(kCompared, elements));
  std::vector<float> with(base.size());
  std::vector<float> found(base.size());
  const double relative = std::max(spacing_of(adapted.stored), spacing_of(merged.dtype));
  const double least = std::max(least_spacing_of(adapted.stored), least_spacing_of(merged.dtype));
  for (std::uint64_t first = 0; first < elements; first += kCompared) {
    const std::size_t count = std::min<std::uint64_t>(kCompared, elements - first);
    SW_TRY_OK(read_run(*adapted.base, first, count, raw, base));
    SW_TRY_OK(read_run(adapted.tensor, first, count, raw, with));
    SW_TRY_OK(read_run(merged, first, count, raw, found));
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
