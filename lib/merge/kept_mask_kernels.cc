#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kept_mask_kernels.cc"
#include <algorithm>

#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "merge/kept_mask.h"

HWY_BEFORE_NAMESPACE();
namespace shardwright::kernel::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// A byte's worth of elements where vectors are as long; others go one by one.
using Eight = hn::CappedTag<float, 8>;
constexpr std::size_t kBits = 8;

void note_nonzero_kernel(const float* values, std::size_t count, std::uint8_t* bits) {
  const Eight tag;
  std::size_t at = 0;
  if (hn::Lanes(tag) == kBits) {
    for (; at + kBits <= count; at += kBits) {
      const auto zero = hn::Eq(hn::LoadU(tag, values + at), hn::Zero(tag));
      hn::StoreMaskBits(tag, hn::Not(zero), bits + at / kBits);  // Ne() is not true of NaN
    }
  }
  for (; at < count; at += kBits) {
    unsigned byte = 0;
    for (std::size_t i = 0; i < std::min(kBits, count - at); ++i)
      byte |= values[at + i] != 0 ? 1U << i : 0U;
    bits[at / kBits] = static_cast<std::uint8_t>(byte);
  }
}

void keep_noted_kernel(float* values, std::size_t count, const std::uint8_t* bits) {
  const Eight tag;
  std::size_t at = 0;
  if (hn::Lanes(tag) == kBits) {
    for (; at + kBits <= count; at += kBits) {
      const auto kept = hn::LoadMaskBits(tag, bits + at / kBits);
      hn::StoreU(hn::IfThenElseZero(kept, hn::LoadU(tag, values + at)), tag, values + at);
    }
  }
  for (; at < count; ++at) {
    if ((bits[at / kBits] >> (at % kBits) & 1U) == 0) values[at] = 0;
  }
}

}  // namespace
}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright::kernel {

HWY_EXPORT(note_nonzero_kernel);
HWY_EXPORT(keep_noted_kernel);

void note_nonzero(const float* values, std::size_t count, std::uint8_t* bits) {
  HWY_DYNAMIC_DISPATCH(note_nonzero_kernel)(values, count, bits);
}

void keep_noted(float* values, std::size_t count, const std::uint8_t* bits) {
  HWY_DYNAMIC_DISPATCH(keep_noted_kernel)(values, count, bits);
}

}  // namespace shardwright::kernel
#endif
