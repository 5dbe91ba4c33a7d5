// How many of some tokens would go to each expert.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "moe/gates.h"

namespace shardwright {

// By the rows of one layer, which must be there.
class TokenShares {
 public:
  TokenShares(const GateTable& table, std::size_t layer, std::size_t per_token)
      : table_(table),
        layer_(layer),
        per_token_(std::min(per_token, table.routed)),
        counts_(table.routed) {}

  // A token, by what comes to the layer of it. Of two that fit alike the first expert gets it.
  void count(std::span<const float> state) {
    std::vector<std::pair<double, std::size_t>> scores;
    for (std::size_t expert = 0; expert < table_.routed; ++expert) {
      const auto gate = table_.row(layer_, expert);
      scores.emplace_back(-std::inner_product(state.begin(), state.end(), gate.begin(), 0.0),
                          expert);
    }
    std::ranges::sort(scores);
    for (std::size_t i = 0; i < per_token_; ++i, ++total_)
      ++counts_[scores[i].second];
  }

  // In a whole.
  [[nodiscard]] std::vector<double> parts() const {
    std::vector<double> parts;
    for (const std::uint64_t count : counts_)
      parts.push_back(total_ == 0 ? 0 : static_cast<double>(count) / static_cast<double>(total_));
    return parts;
  }

 private:
  const GateTable& table_;
  std::size_t layer_, per_token_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_{};
};

}  // namespace shardwright
