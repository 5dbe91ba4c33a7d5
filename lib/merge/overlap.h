// What several models change of a base, element by element: a change d_i = x_i - base counts where
// |d_i| > epsilon. Where several count, their mean is taken; where one does, it alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "merge/method.h"

namespace shardwright {

class Overlap {
 public:
  Overlap(const MergeCase& merge_case, double epsilon);

  [[nodiscard]] std::size_t models() const { return members_.size(); }
  // Adds for each model: elements that it alone changes, and that others change as well.
  void count(const Chunk& chunk, std::span<std::uint64_t> counts) const;
  // base + changes, those of one model alone times 1 + raise[i]. `round_sum`: as far as steps are
  // rounded, the sum of the changes is, too, and the result.
  void apply(const Chunk& chunk, std::span<const float> raise, bool round_sum, float* result) const;

 private:
  std::vector<std::size_t> members_;
  std::size_t base_;
  float epsilon_;
  std::optional<DType> round_to_;
};

}  // namespace shardwright
