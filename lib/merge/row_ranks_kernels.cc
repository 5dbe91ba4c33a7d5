#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/row_ranks_kernels.cc"
#include <algorithm>

#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "merge/row_ranks.h"
#include "merge/select_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace shardwright::kernel::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

RankDigits rank_digits_kernel(const float* values, std::size_t count, std::uint32_t* digits) {
  const hn::ScalableTag<std::int32_t> tag;  // digits are below 2^16
  const hn::ScalableTag<float> floats;
  const std::size_t step = hn::Lanes(tag);
  const auto one = hn::Set(tag, 1);
  const auto upper = hn::Set(tag, 0x7FFF'0000);
  const auto lower = hn::Set(tag, 0xFFFF);
  // Zero becomes the largest of all where the lowest is sought.
  const auto none = hn::Set(tag, 0x7FFF'FFFF);
  auto lowest = none;
  auto highest = hn::Zero(tag);
  auto inexact = hn::Zero(tag);
  std::size_t at = 0;
  for (; at + step <= count; at += step) {
    const auto bits = hn::BitCast(tag, hn::LoadU(floats, values + at));
    const auto odd = hn::IfThenElseZero(hn::Gt(hn::And(bits, lower), hn::Zero(tag)), one);
    const auto digit = hn::Or(hn::ShiftRight<15>(hn::And(bits, upper)), odd);
    inexact = hn::Add(inexact, odd);
    highest = hn::Max(highest, digit);
    lowest = hn::Min(lowest, hn::IfThenElse(hn::Eq(digit, hn::Zero(tag)), none, digit));
    hn::StoreU(digit, tag, reinterpret_cast<std::int32_t*>(digits) + at);
  }
  RankDigits result{
      .lowest = static_cast<std::uint32_t>(hn::GetLane(hn::MinOfLanes(tag, lowest))),
      .highest = static_cast<std::uint32_t>(hn::GetLane(hn::MaxOfLanes(tag, highest))),
      .inexact = static_cast<std::size_t>(hn::GetLane(hn::SumOfLanes(tag, inexact)))};
  for (; at < count; ++at) {
    const std::uint32_t key = magnitude_key(values[at]);
    const std::uint32_t odd = (key & 0xFFFFU) != 0 ? 1 : 0;
    digits[at] = key >> 16U << 1U | odd;
    result.inexact += odd;
    result.highest = std::max(result.highest, digits[at]);
    if (digits[at] != 0) result.lowest = std::min(result.lowest, digits[at]);
  }
  return result;
}

}  // namespace
}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright::kernel {

HWY_EXPORT(rank_digits_kernel);

RankDigits rank_digits(const float* values, std::size_t count, std::uint32_t* digits) {
  return HWY_DYNAMIC_DISPATCH(rank_digits_kernel)(values, count, digits);
}

}  // namespace shardwright::kernel
#endif
