// y = x where its importance |x - base| K reaches a threshold, and the base elsewhere. K is how far
// the row of x lies from that of the base, as distributions; the threshold is the median of all
// importances and 1.5 times the distance between their quartiles.
#include <algorithm>

#include "merge/combination.h"
#include "merge/kernels.h"
#include "merge/quantiles.h"
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
    return std::max<std::size_t>(1, kChunk / row_) * row_;
  }

  // First the divergence of each row, then the quartiles.
  [[nodiscard]] std::optional<PassShape> pass(int index) const override {
    if (index > 0 && quartiles_.counts() == 0) return std::nullopt;
    return PassShape{.counts = index == 0 ? 0 : quartiles_.counts()};
  }

  void gather(int index, const Chunk& chunk, Tally tally) const override {
    if (index == 0) {
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
    if (index == 0) return;
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
  static std::vector<std::uint64_t> places(std::uint64_t elements) {
    const std::uint64_t last = std::max<std::uint64_t>(elements, 1) - 1;
    return {last / 4, last / 2, last / 4 * 3 + last % 4 * 3 / 4};
  }

  // The distances into line 0, the importances into line 1.
  void measure(const Chunk& chunk, const Scratch& room) const {
    kernel::subtract(chunk.inputs[other_], chunk.inputs[base_], room[0], chunk.count);
    kernel::absolute(room[0], room[0], chunk.count);
    for (std::size_t at = 0; at < chunk.count; at += row_) {
      kernel::scale(room[0] + at, divergence_[(chunk.first + at) / row_], room[1] + at, row_);
    }
  }

  std::size_t base_, other_, row_;
  // By row. The thread that sees a row in the first pass writes it, and no other.
  mutable std::vector<float> divergence_;
  QuantileSearch quartiles_;
  float threshold_{};
};

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
