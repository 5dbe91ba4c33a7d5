// The last step of the methods that add differences to a base: what becomes of a chunk of them.
#pragma once

#include <cstddef>
#include <span>

namespace shardwright::kernel {

// v_i = factors[i] * deltas[i], in double precision. Their sum, or, by consensus, the sum of those
// that have the sign of the whole sum (zero counts as positive, and has no sign itself).
struct TaskSum {
  std::span<const float* const> deltas{};
  std::span<const double> factors{};
  // By consensus: the sign is that of the sum of votes[i] * deltas[i]. Empty: of v_i themselves.
  std::span<const double> votes{};
  // By consensus: divides by the sum of the weights of those that were added, where it is not 0.
  std::span<const double> divisors{};  // weights, or empty
  bool consensus{};
  double scale = 1;
};

// to = base + scale * sum, rounded once. A NaN among the deltas stays one.
void add_tasks(const TaskSum& sum, const float* base, float* to, std::size_t count);

// The variance of the deltas at each element, over as many as there are, rounded once.
void variance(std::span<const float* const> deltas, float* to, std::size_t count);

}  // namespace shardwright::kernel
