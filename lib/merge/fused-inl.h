// x * f + sum in one rounding, for kernels: included anew for each instruction set, as Highway
// asks.
#if defined(SHARDWRIGHT_MERGE_FUSED_TOGGLE) == defined(HWY_TARGET_TOGGLE)
#ifdef SHARDWRIGHT_MERGE_FUSED_TOGGLE
#undef SHARDWRIGHT_MERGE_FUSED_TOGGLE
#else
#define SHARDWRIGHT_MERGE_FUSED_TOGGLE
#endif

#include <array>
#include <cmath>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace shardwright::kernel::HWY_NAMESPACE {

// Also where no instruction does it.
template <typename D, typename V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V fused(D tag, V x, V f, V sum) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_NATIVE_FMA
  (void)tag;
  return hn::MulAdd(x, f, sum);
#else
  constexpr std::size_t kLanes = HWY_MAX_BYTES / sizeof(float);
  HWY_ALIGN std::array<float, kLanes> xs{};
  HWY_ALIGN std::array<float, kLanes> fs{};
  HWY_ALIGN std::array<float, kLanes> sums{};
  hn::Store(x, tag, xs.data());
  hn::Store(f, tag, fs.data());
  hn::Store(sum, tag, sums.data());
  for (std::size_t i = 0; i < hn::Lanes(tag); ++i)
    sums[i] = std::fma(xs[i], fs[i], sums[i]);
  return hn::Load(tag, sums.data());
#endif
}

}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SHARDWRIGHT_MERGE_FUSED_TOGGLE
