// Exact quantiles of a tensor, in two passes over its chunks: histograms of the upper half of keys
// that are ordered as the numbers are, then of the lower half beside the upper halves found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace shardwright {

class QuantileSearch {
 public:
  // Places in the order of all numbers, from 0. NaN comes last.
  explicit QuantileSearch(const std::vector<std::uint64_t>& places);

  // Counts of the next pass; 0: no more passes.
  [[nodiscard]] std::size_t counts() const;
  [[nodiscard]] std::size_t most_counts() const;  // of any pass
  void gather(std::span<const float> chunk, std::span<std::uint64_t> counts) const;
  void conclude(std::span<const std::uint64_t> counts);

  [[nodiscard]] float quantile(std::size_t i) const;

 private:
  struct Search {
    std::uint64_t left{};  // numbers before it among those that share the bits found so far
    std::uint32_t key{};
  };

  int pass_ = 0;
  std::vector<Search> searches_;
};

}  // namespace shardwright
