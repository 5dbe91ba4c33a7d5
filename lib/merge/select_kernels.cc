#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/select_kernels.cc"
#include "merge/select_kernels.h"

#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace shardwright::kernel::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Words = hn::ScalableTag<std::uint32_t>;
using Keys = hn::Vec<Words>;

Keys keys_at(const float* values) {
  return hn::And(hn::BitCast(Words(), hn::LoadU(Floats(), values)), hn::Set(Words(), 0x7FFF'FFFFU));
}

std::uint64_t count_upper_kernel(const float* values, std::size_t count, std::uint64_t* counts) {
  constexpr std::size_t kBatch = 64;  // a multiple of any vector's lanes
  HWY_ALIGN std::uint32_t uppers[kBatch];
  const Words tag;
  auto zeros = hn::Zero(tag);
  std::size_t at = 0;
  for (; at + kBatch <= count; at += kBatch) {
    for (std::size_t i = 0; i < kBatch; i += hn::Lanes(tag)) {
      const Keys keys = keys_at(values + at + i);
      zeros = hn::Sub(zeros, hn::VecFromMask(tag, hn::Eq(keys, hn::Zero(tag))));
      hn::Store(hn::ShiftRight<16>(keys), tag, uppers + i);
    }
    for (std::size_t i = 0; i < kBatch; i += 2) {
      ++counts[std::size_t{2} * uppers[i]];
      ++counts[std::size_t{2} * uppers[i + 1] + 1];
    }
  }
  std::uint64_t nonzero = at - hn::GetLane(hn::SumOfLanes(tag, zeros));
  for (; at < count; ++at) {
    const std::uint32_t key = magnitude_key(values[at]);
    ++counts[std::size_t{2} * (key >> 16U)];
    nonzero += key != 0 ? 1 : 0;
  }
  return nonzero;
}

void count_lower_kernel(const float* values, std::size_t count, std::uint32_t upper,
                        std::uint64_t* counts) {
  const Words tag;
  const std::size_t step = hn::Lanes(tag);
  const auto wanted = hn::Set(tag, upper);
  const auto count_scalar = [&](std::size_t i) {
    const std::uint32_t key = magnitude_key(values[i]);
    if (key >> 16U == upper) ++counts[key & 0xFFFFU];
  };
  std::size_t at = 0;
  for (; at + step <= count; at += step) {
    if (hn::AllFalse(tag, hn::Eq(hn::ShiftRight<16>(keys_at(values + at)), wanted))) continue;
    for (std::size_t i = at; i < at + step; ++i)
      count_scalar(i);
  }
  for (; at < count; ++at)
    count_scalar(at);
}

std::uint64_t count_equal_kernel(const float* values, std::size_t count, std::uint32_t key) {
  const Words tag;
  const std::size_t step = hn::Lanes(tag);
  const auto wanted = hn::Set(tag, key);
  auto equal = hn::Zero(tag);
  std::size_t at = 0;
  for (; at + step <= count; at += step)
    equal = hn::Sub(equal, hn::VecFromMask(tag, hn::Eq(keys_at(values + at), wanted)));
  std::uint64_t sum = hn::GetLane(hn::SumOfLanes(tag, equal));
  for (; at < count; ++at)
    sum += magnitude_key(values[at]) == key ? 1U : 0U;
  return sum;
}

template <bool kBelow>
void keep(float* values, std::size_t count, std::uint32_t least) {
  const Floats tag;
  const Words words;
  const std::size_t step = hn::Lanes(tag);
  const auto border = hn::Set(words, least);
  std::size_t at = 0;
  for (; at + step <= count; at += step) {
    const auto mask = hn::RebindMask(tag, hn::Lt(keys_at(values + at), border));
    const auto loaded = hn::LoadU(tag, values + at);
    hn::StoreU(kBelow ? hn::IfThenElseZero(mask, loaded) : hn::IfThenZeroElse(mask, loaded), tag,
               values + at);
  }
  for (; at < count; ++at) {
    if ((magnitude_key(values[at]) < least) != kBelow) values[at] = 0;
  }
}

void keep_from_kernel(float* values, std::size_t count, std::uint32_t least) {
  keep<false>(values, count, least);
}

void keep_below_kernel(float* values, std::size_t count, std::uint32_t least) {
  keep<true>(values, count, least);
}

void keep_where_kernel(float* values, const float* mask, std::size_t count) {
  const Floats tag;
  const std::size_t step = hn::Lanes(tag);
  std::size_t at = 0;
  for (; at + step <= count; at += step) {
    const auto drop = hn::Eq(hn::LoadU(tag, mask + at), hn::Zero(tag));
    hn::StoreU(hn::IfThenZeroElse(drop, hn::LoadU(tag, values + at)), tag, values + at);
  }
  for (; at < count; ++at) {
    if (mask[at] == 0) values[at] = 0;
  }
}

}  // namespace
}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright::kernel {

HWY_EXPORT(count_upper_kernel);
HWY_EXPORT(count_lower_kernel);
HWY_EXPORT(count_equal_kernel);
HWY_EXPORT(keep_from_kernel);
HWY_EXPORT(keep_below_kernel);
HWY_EXPORT(keep_where_kernel);

std::uint64_t count_upper(const float* values, std::size_t count, std::uint64_t* counts) {
  return HWY_DYNAMIC_DISPATCH(count_upper_kernel)(values, count, counts);
}

void count_lower(const float* values, std::size_t count, std::uint32_t upper,
                 std::uint64_t* counts) {
  HWY_DYNAMIC_DISPATCH(count_lower_kernel)(values, count, upper, counts);
}

std::uint64_t count_equal(const float* values, std::size_t count, std::uint32_t key) {
  return HWY_DYNAMIC_DISPATCH(count_equal_kernel)(values, count, key);
}

void keep_from(float* values, std::size_t count, std::uint32_t least) {
  HWY_DYNAMIC_DISPATCH(keep_from_kernel)(values, count, least);
}

void keep_below(float* values, std::size_t count, std::uint32_t least) {
  HWY_DYNAMIC_DISPATCH(keep_below_kernel)(values, count, least);
}

void keep_where(float* values, const float* mask, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(keep_where_kernel)(values, mask, count);
}

}  // namespace shardwright::kernel
#endif
