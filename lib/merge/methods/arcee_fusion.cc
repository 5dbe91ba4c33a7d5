// y = x where its importance |x - base| K reaches a threshold, and the base elsewhere. K is how far
// the row of x lies from that of the base, as distributions; the threshold is the median of all
// importances and 1.5 times the distance between their quartiles.
#include <algorithm>
#include <utility>

#include "merge/combination.h"
#include "merge/kernels.h"
#include "merge/quantiles.h"
#include "merge/row_parts.h"
#include "merge/scratch.h"
#include "merge/softmax_kernels.h"

namespace shardwright {
namespace {

constexpr double kFloor = 1e-8;  // of a probability

class ArceeFusion final : public MergeProgram {
 public:
  ArceeFusion(std::size_t base, std::size_t other, std::uint64_t elements, std::size_t row)
      : base_(base),
        other_(other),
        row_(row),
        divergence_((elements + row - 1) / row),
        quartiles_(places(elements)) {}

  [[nodiscard]] std::size_t chunk_elements() const override {
    return is_long() ? kChunk : std::max<std::size_t>(1, kChunk / row_) * row_;
  }

  // First the divergence of each row, then the quartiles.
  [[nodiscard]] std::optional<PassShape> pass(int index) const override {
    const std::size_t rows = divergence_.size();
    if (index < row_passes())
      return PassShape{.sums = is_long() ? static_cast<std::size_t>(3 - index) * rows : 0};
    if (quartiles_.counts() == 0) return std::nullopt;
    return PassShape{.counts = quartiles_.counts()};
  }

  [[nodiscard]] std::size_t most_counts() const override { return quartiles_.most_counts(); }

  void gather(int index, const Chunk& chunk, Tally tally) const override {
    if (index < row_passes() && is_long()) {
      gather_parts(index, chunk, tally.sums);
      return;
    }
    if (index < row_passes()) {
      for (std::size_t at = 0; at < chunk.count; at += row_) {
        divergence_[(chunk.first + at) / row_] = static_cast<float>(
            kernel::divergence(chunk.inputs[other_] + at, chunk.inputs[base_] + at, kFloor, row_));
      }
      return;
    }
    const Scratch room(2, chunk.count);
    measure(chunk, room);
    quartiles_.gather({room[1], chunk.count}, tally.counts);
  }

  void conclude(int index, const PassResult& result) override {
    if (index < row_passes()) {
      if (is_long()) conclude_parts(index, result);
      return;
    }
    quartiles_.conclude(result.counts);
    const auto quartile = [this](std::size_t i) {
      return static_cast<double>(quartiles_.quantile(i));
    };
    threshold_ = static_cast<float>(quartile(1) + 1.5 * (quartile(2) - quartile(0)));
  }

  void apply(const Chunk& chunk, float* result) const override {
    const Scratch room(2, chunk.count);
    measure(chunk, room);
    kernel::choose_not_below(room[1], threshold_, chunk.inputs[other_], chunk.inputs[base_], result,
                             chunk.count);
  }

 private:
  // Rows that are not held whole take three passes: the largest elements of both, with whether any
  // was seen; the sums of their exponentials; the divergence.
  [[nodiscard]] bool is_long() const { return row_ > kLongestRow; }
  [[nodiscard]] int row_passes() const { return is_long() ? 3 : 1; }

  void gather_parts(int index, const Chunk& chunk, std::span<double> sums) const;
  void conclude_parts(int index, const PassResult& result);

  static std::vector<std::uint64_t> places(std::uint64_t elements) {
    const std::uint64_t last = std::max<std::uint64_t>(elements, 1) - 1;
    return {last / 4, last / 2, last / 4 * 3 + last % 4 * 3 / 4};
  }

  // The distances into line 0, the importances into line 1.
  void measure(const Chunk& chunk, const Scratch& room) const {
    kernel::subtract(chunk.inputs[other_], chunk.inputs[base_], room[0], chunk.count);
    kernel::absolute(room[0], room[0], chunk.count);
    for_row_parts(chunk, row_,
                  [&](std::size_t from, std::uint64_t row, std::size_t, std::size_t count) {
                    kernel::scale(room[0] + from, divergence_[row], room[1] + from, count);
                  });
  }

  std::size_t base_, other_, row_;
  // By row. The thread that sees a row in the first pass writes it, and no other.
  mutable std::vector<float> divergence_;
  struct Pair {
    kernel::Softmax other, base;
  };
  std::vector<Pair> softmax_;  // of long rows
  QuantileSearch quartiles_;
  float threshold_{};
};

void ArceeFusion::gather_parts(int index, const Chunk& chunk, std::span<double> sums) const {
  const auto gather_part = [&](std::size_t from, std::uint64_t row, std::size_t,
                               std::size_t count) {
    const float* const x = chunk.inputs[other_] + from;
    const float* const base = chunk.inputs[base_] + from;
    if (index == 0) {
      const auto row_sums = sums.subspan(3 * row, 3);
      const double most = kernel::largest(x, count);
      const double most_of_base = kernel::largest(base, count);
      const bool seen = std::exchange(row_sums[0], 1) != 0;
      row_sums[1] = seen ? std::max(row_sums[1], most) : most;
      row_sums[2] = seen ? std::max(row_sums[2], most_of_base) : most_of_base;
      return;
    }
    const Pair& pair = softmax_[row];
    if (index == 1) {
      sums[2 * row] += kernel::exponential_sum(x, pair.other.largest, count);
      sums[2 * row + 1] += kernel::exponential_sum(base, pair.base.largest, count);
    } else {
      sums[row] += kernel::divergence_part(x, pair.other, base, pair.base, kFloor, count);
    }
  };
  for_row_parts(chunk, row_, gather_part);
}

void ArceeFusion::conclude_parts(int index, const PassResult& result) {
  softmax_.resize(divergence_.size());
  for (std::size_t row = 0; row < softmax_.size(); ++row) {
    Pair& pair = softmax_[row];
    if (index == 0) {
      bool seen = false;
      for (std::size_t at = 3 * row; at < result.blocks.size(); at += result.sums) {
        const auto block = result.blocks.subspan(at, 3);
        if (block[0] == 0) continue;
        pair.other.largest = seen ? std::max(pair.other.largest, block[1]) : block[1];
        pair.base.largest = seen ? std::max(pair.base.largest, block[2]) : block[2];
        seen = true;
      }
    } else if (index == 1) {
      pair.other.share = 1 / result.total(2 * row);
      pair.base.share = 1 / result.total(2 * row + 1);
    } else {
      divergence_[row] = static_cast<float>(result.total(row));
    }
  }
}

Result<std::unique_ptr<MergeProgram>> make_arcee_fusion(const MergeCase& merge_case) {
  if (merge_case.inputs == 1) return make_copy(0);
  const std::size_t base = merge_case.base.value_or(0);
  const std::uint64_t row = merge_case.shape.empty() ? 1 : merge_case.shape.back();
  return make_program<ArceeFusion>(base, 1 - base, merge_case.elements,
                                   std::max<std::uint64_t>(row, 1));
}

}  // namespace

extern const Method kArceeFusion;
const Method kArceeFusion = {
    .name = "arcee_fusion",
    .summary = "the base, with those elements of the other model that have changed most",
    .parameters = {},
    .base = BaseRule::kInput,
    .least_inputs = 2,
    .most_inputs = 2,
    .passes = 3,
    .make = make_arcee_fusion,
};

}  // namespace shardwright
