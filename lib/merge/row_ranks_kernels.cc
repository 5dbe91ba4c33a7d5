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

using Digits = hn::CappedTag<std::int32_t, 16>;
using DigitLanes = hn::Vec<Digits>;

// Of keys that are bins: exponent and the first five bits after it.
constexpr int kBinShift = 18;

std::int32_t first_digit(std::uint32_t largest) {
  return static_cast<std::int32_t>(largest >> kBinShift) - static_cast<std::int32_t>(kRankBins - 1);
}

// Bins of keys; `before` is the digit that would be bin 0.
HWY_INLINE DigitLanes bins_of(DigitLanes keys, std::int32_t before) {
  const Digits tag;
  const auto bin = hn::Sub(hn::ShiftRight<kBinShift>(keys), hn::Set(tag, before));
  return hn::IfThenZeroElse(hn::Eq(keys, hn::Zero(tag)), hn::Max(bin, hn::Set(tag, 1)));
}

std::uint32_t bin_of(std::uint32_t key, std::int32_t before) {
  if (key == 0) return 0;
  return static_cast<std::uint32_t>(
      std::max(static_cast<std::int32_t>(key >> kBinShift) - before, 1));
}

HWY_INLINE DigitLanes load(const std::uint32_t* from) {
  return hn::LoadU(Digits(), reinterpret_cast<const std::int32_t*>(from));
}

std::uint32_t magnitude_keys_kernel(const float* values, std::size_t count, std::uint32_t* keys) {
  const Digits tag;
  const hn::Rebind<float, Digits> floats;
  const std::size_t step = hn::Lanes(tag);
  const auto mask = hn::Set(tag, 0x7FFF'FFFF);
  auto most = hn::Zero(tag);
  std::size_t at = 0;
  for (; at + step <= count; at += step) {
    const auto key = hn::And(hn::BitCast(tag, hn::LoadU(floats, values + at)), mask);
    most = hn::Max(most, key);
    hn::StoreU(key, tag, reinterpret_cast<std::int32_t*>(keys) + at);
  }
  auto largest = static_cast<std::uint32_t>(hn::GetLane(hn::MaxOfLanes(tag, most)));
  for (; at < count; ++at) {
    keys[at] = magnitude_key(values[at]);
    largest = std::max(largest, keys[at]);
  }
  return largest;
}

void count_bins_kernel(const std::uint32_t* keys, std::size_t count, std::uint32_t largest,
                       std::uint32_t* counts) {
  constexpr std::size_t kBatch = 64;  // a multiple of any vector's lanes
  HWY_ALIGN std::int32_t bins[kBatch];
  const Digits tag;
  const std::int32_t before = first_digit(largest);
  std::size_t at = 0;
  for (; at + kBatch <= count; at += kBatch) {
    for (std::size_t i = 0; i < kBatch; i += hn::Lanes(tag))
      hn::Store(bins_of(load(keys + at + i), before), tag, bins + i);
    for (std::size_t i = 0; i < kBatch; i += 2) {
      ++counts[2 * static_cast<std::size_t>(bins[i])];
      ++counts[2 * static_cast<std::size_t>(bins[i + 1]) + 1];
    }
  }
  for (; at < count; ++at)
    ++counts[std::size_t{2} * bin_of(keys[at], before)];
}

void bracket_bins_kernel(std::uint32_t* counts, const ChanceRamp& chance, std::uint32_t* brackets) {
  // Ranks are below 2^24: exact. What floats round away is less than the 1 that both ends get.
  HWY_ALIGN std::int32_t ranks[kRankBins + 1];
  std::int32_t rank = 0;
  for (std::size_t bin = 0; bin < kRankBins; ++bin) {
    ranks[bin] = rank;
    rank += static_cast<std::int32_t>(counts[2 * bin] + counts[2 * bin + 1]);
  }
  ranks[kRankBins] = rank;
  std::fill(counts, counts + 2 * kRankBins, 0U);

  const Digits tag;
  const hn::Rebind<float, Digits> floats;
  const auto least = hn::Set(floats, static_cast<float>(chance.least() * 0x1p-16));
  const auto slope = hn::Set(floats, static_cast<float>(chance.step() * 0x1p-16));
  const auto one = hn::Set(tag, 1);
  const auto upper_half = [&](DigitLanes of) {
    return hn::ConvertTo(tag, hn::Add(least, hn::Mul(slope, hn::ConvertTo(floats, of))));
  };
  for (std::size_t bin = 0; bin < kRankBins; bin += hn::Lanes(tag)) {
    const auto low = hn::Max(hn::Sub(upper_half(hn::LoadU(tag, ranks + bin)), one), hn::Zero(tag));
    const auto high =
        hn::Min(hn::Add(upper_half(hn::LoadU(tag, ranks + bin + 1)), one), hn::Set(tag, 0xFFFF));
    hn::StoreU(hn::Or(low, hn::ShiftLeft<16>(high)), tag,
               reinterpret_cast<std::int32_t*>(brackets) + bin);
  }
}

std::size_t keep_by_bracket_kernel(float* values, const std::uint32_t* keys,
                                   const std::uint16_t* numbers, std::size_t count,
                                   std::uint32_t largest, const std::uint32_t* brackets,
                                   std::uint32_t* open) {
  const Digits tag;
  const hn::Rebind<float, Digits> floats;
  const hn::Rebind<std::uint16_t, Digits> halves;
  const hn::Rebind<std::uint32_t, Digits> words;
  const std::size_t step = hn::Lanes(tag);
  const auto lower = hn::Set(tag, 0xFFFF);
  const std::int32_t before = first_digit(largest);
  std::size_t found = 0;
  std::size_t at = 0;
  for (; at + step <= count; at += step) {
    const auto bins = bins_of(load(keys + at), before);
    const auto bracket =
        hn::GatherIndex(tag, reinterpret_cast<const std::int32_t*>(brackets), bins);
    const auto low = hn::And(bracket, lower);
    const auto high = hn::BitCast(tag, hn::ShiftRight<16>(hn::BitCast(words, bracket)));
    const auto number = hn::PromoteTo(tag, hn::LoadU(halves, numbers + at));
    const auto goes = hn::Gt(number, high);
    const auto is_open = hn::Not(hn::Or(goes, hn::Lt(number, low)));
    const auto loaded = hn::LoadU(floats, values + at);
    hn::StoreU(hn::IfThenZeroElse(hn::RebindMask(floats, goes), loaded), floats, values + at);
    if (hn::AllFalse(tag, is_open)) continue;
    const auto places = hn::Iota(tag, static_cast<std::int32_t>(at));
    found += hn::CompressStore(places, is_open, tag, reinterpret_cast<std::int32_t*>(open) + found);
  }
  for (; at < count; ++at) {
    const std::uint32_t bracket = brackets[bin_of(keys[at], before)];
    if (numbers[at] > bracket >> 16U) {
      values[at] = 0;
    } else if (numbers[at] >= (bracket & 0xFFFFU)) {
      open[found++] = static_cast<std::uint32_t>(at);
    }
  }
  return found;
}

std::uint64_t twice_rank_kernel(const std::uint32_t* keys, std::size_t count, std::uint32_t key) {
  const Digits tag;
  const std::size_t step = hn::Lanes(tag);
  const auto wanted = hn::Set(tag, static_cast<std::int32_t>(key));
  auto below = hn::Zero(tag);
  auto equal = hn::Zero(tag);
  std::size_t at = 0;
  for (; at + step <= count; at += step) {
    const auto other = load(keys + at);
    below = hn::Sub(below, hn::VecFromMask(tag, hn::Lt(other, wanted)));
    equal = hn::Sub(equal, hn::VecFromMask(tag, hn::Eq(other, wanted)));
  }
  const auto twice = hn::Add(hn::Add(below, below), equal);
  auto sum = static_cast<std::uint64_t>(hn::GetLane(hn::SumOfLanes(tag, twice)));
  for (; at < count; ++at)
    sum += keys[at] < key ? 2U : keys[at] == key ? 1U : 0U;
  return sum - 1;
}

}  // namespace
}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright::kernel {

HWY_EXPORT(magnitude_keys_kernel);
HWY_EXPORT(count_bins_kernel);
HWY_EXPORT(bracket_bins_kernel);
HWY_EXPORT(keep_by_bracket_kernel);
HWY_EXPORT(twice_rank_kernel);

std::uint32_t magnitude_keys(const float* values, std::size_t count, std::uint32_t* keys) {
  return HWY_DYNAMIC_DISPATCH(magnitude_keys_kernel)(values, count, keys);
}

void count_bins(const std::uint32_t* keys, std::size_t count, std::uint32_t largest,
                std::uint32_t* counts) {
  HWY_DYNAMIC_DISPATCH(count_bins_kernel)(keys, count, largest, counts);
}

void bracket_bins(std::uint32_t* counts, const ChanceRamp& chance, std::uint32_t* brackets) {
  HWY_DYNAMIC_DISPATCH(bracket_bins_kernel)(counts, chance, brackets);
}

std::size_t keep_by_bracket(float* values, const std::uint32_t* keys, const std::uint16_t* numbers,
                            std::size_t count, std::uint32_t largest, const std::uint32_t* brackets,
                            std::uint32_t* open) {
  return HWY_DYNAMIC_DISPATCH(keep_by_bracket_kernel)(values, keys, numbers, count, largest,
                                                      brackets, open);
}

std::uint64_t twice_rank(const std::uint32_t* keys, std::size_t count, std::uint32_t key) {
  return HWY_DYNAMIC_DISPATCH(twice_rank_kernel)(keys, count, key);
}

}  // namespace shardwright::kernel
#endif
