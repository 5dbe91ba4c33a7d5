#include "merge/quantiles.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace shardwright {
namespace {

constexpr std::size_t kBins = std::size_t{1} << 16U;
constexpr std::uint32_t kSign = 0x8000'0000U;

std::uint32_t key_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return ~0U;
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

float number_of(std::uint32_t key) {
  return std::bit_cast<float>((key & kSign) != 0 ? key & ~kSign : ~key);
}

// The bin in which number `left` falls, in order; `left` becomes its place there.
std::uint32_t find_bin(std::span<const std::uint64_t> counts, std::uint64_t& left) {
  std::uint32_t bin = 0;
  while (bin + 1 < counts.size() && left >= counts[bin])
    left -= counts[bin++];
  return bin;
}

}  // namespace

QuantileSearch::QuantileSearch(const std::vector<std::uint64_t>& places) {
  for (const std::uint64_t place : places)
    searches_.push_back({.left = place});
}

std::size_t QuantileSearch::counts() const {
  return pass_ == 0 ? kBins : pass_ == 1 ? kBins * searches_.size() : 0;
}

std::size_t QuantileSearch::most_counts() const {
  return kBins * std::max<std::size_t>(1, searches_.size());
}

void QuantileSearch::gather(std::span<const float> chunk, std::span<std::uint64_t> counts) const {
  for (const float value : chunk) {
    const std::uint32_t key = key_of(value);
    if (pass_ == 0) {
      ++counts[key >> 16U];
      continue;
    }
    for (std::size_t i = 0; i < searches_.size(); ++i) {
      if (key >> 16U == searches_[i].key) ++counts[i * kBins + (key & 0xFFFFU)];
    }
  }
}

void QuantileSearch::conclude(std::span<const std::uint64_t> counts) {
  for (std::size_t i = 0; i < searches_.size(); ++i) {
    Search& search = searches_[i];
    if (pass_ == 0) {
      search.key = find_bin(counts, search.left);
    } else {
      search.key = search.key << 16U | find_bin(counts.subspan(i * kBins, kBins), search.left);
    }
  }
  ++pass_;
}

float QuantileSearch::quantile(std::size_t i) const {
  return number_of(searches_[i].key);
}

}  // namespace shardwright
