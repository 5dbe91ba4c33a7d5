#include "merge/quantiles.h"

#include <algorithm>
#include <bit>

namespace shardwright {
namespace {

constexpr std::size_t kBins = std::size_t{1} << 16U;

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
    const auto bits = std::bit_cast<std::uint32_t>(value) & 0x7FFF'FFFFU;
    if (pass_ == 0) {
      ++counts[bits >> 16U];
      continue;
    }
    for (std::size_t i = 0; i < searches_.size(); ++i) {
      if (bits >> 16U == searches_[i].bits) ++counts[i * kBins + (bits & 0xFFFFU)];
    }
  }
}

void QuantileSearch::conclude(std::span<const std::uint64_t> counts) {
  for (std::size_t i = 0; i < searches_.size(); ++i) {
    Search& search = searches_[i];
    if (pass_ == 0) {
      search.bits = find_bin(counts, search.left);
    } else {
      search.bits = search.bits << 16U | find_bin(counts.subspan(i * kBins, kBins), search.left);
    }
  }
  ++pass_;
}

float QuantileSearch::quantile(std::size_t i) const {
  return std::bit_cast<float>(searches_[i].bits);
}

}  // namespace shardwright
