// y = x where its importance |x - base| K reaches a threshold, and the base elsewhere. K is how far
// the row of x lies from that of the base, as distributions; the threshold is the median of all
// importances and 1.5 times the distance between their quartiles.
#include <algorithm>
#include <memory>
#include <utility>

#include "merge/combination.h"
#include "merge/kernels.h"
#include "merge/quantiles.h"
#include "merge/random.h"
#include "merge/row_parts.h"
#include "merge/scratch.h"
#include "merge/softmax_kernels.h"
#include "merge/steps.h"

namespace shardwright {
namespace {

constexpr double kFloor = 1e-8;  // of a probability

// The peer takes quartiles of more elements than these from so many of them, drawn at random.
constexpr std::uint64_t kSample = 1'000'000;
// As many and more make torch draw a place from two numbers.
constexpr std::uint64_t kWide = std::uint64_t{1} << 28U;

bool is_sampled(const MergeCase& merge_case) {
  return merge_case.round_to.has_value() && merge_case.elements > kSample;
}

std::uint64_t arcee_draws(const MergeCase& merge_case) {
  if (merge_case.inputs == 1 || !is_sampled(merge_case)) return 0;
  return merge_case.elements < kWide ? kSample : 2 * kSample;
}

struct Sampling {
  std::uint64_t seed{}, draws{}, elements{};
  std::size_t numbers{};  // 0: there is no sample
};

Sampling sampling_of(const MergeCase& merge_case) {
  return {.seed = merge_case.seed,
          .draws = merge_case.draws,
          .elements = merge_case.elements,
          .numbers = arcee_draws(merge_case)};
}

// The places that torch.randint draws, in order.
std::vector<std::uint64_t> sample_of(const Sampling& sampling) {
  if (sampling.numbers == 0) return {};
  std::vector<std::uint32_t> numbers(sampling.numbers);
  TorchNumbers::of(sampling.seed)->read(sampling.draws, numbers);
  std::vector<std::uint64_t> places(kSample);
  for (std::size_t i = 0; i < kSample; ++i) {
    const std::uint64_t number = numbers.size() == kSample
                                     ? numbers[i]
                                     : std::uint64_t{numbers[2 * i]} << 32U | numbers[2 * i + 1];
    places[i] = number % sampling.elements;
  }
  std::ranges::sort(places);
  return places;
}

class ArceeFusion final : public MergeProgram {
 public:
  ArceeFusion(const MergeCase& merge_case, std::size_t base, std::size_t row)
      : base_(base),
        other_(1 - base),
        row_(row),
        round_to_(merge_case.round_to),
        divergence_((merge_case.elements + row - 1) / row),
        sampling_(sampling_of(merge_case)),
        quartiles_(quartile_places(is_sampled(merge_case) ? kSample : merge_case.elements)) {}

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
        divergence_[(chunk.first + at) / row_] =
            divergence(chunk.inputs[other_] + at, chunk.inputs[base_] + at);
      }
      return;
    }
    const auto places = sampled(chunk);
    if (!sample_.empty() && places.empty()) return;
    const Scratch room(2, chunk.count);
    measure(chunk, room);
    if (sample_.empty()) {
      quartiles_.gather({room[1], chunk.count}, tally.counts);
      return;
    }
    std::vector<float> drawn;
    for (const std::uint64_t place : places)
      drawn.push_back(room[1][place - chunk.first]);
    quartiles_.gather(drawn, tally.counts);
  }

  void conclude(int index, const PassResult& result) override {
    if (index < row_passes()) {
      if (is_long()) conclude_parts(index, result);
      if (index + 1 == row_passes()) sample_ = sample_of(sampling_);
      return;
    }
    quartiles_.conclude(result.counts);
    if (quartiles_.counts() == 0) sample_ = {};
    const auto quartile = [this](std::size_t i) {
      return static_cast<double>(quartiles_.quantile(i));
    };
    if (!round_to_) {
      threshold_ = static_cast<float>(quartile(1) + 1.5 * (quartile(2) - quartile(0)));
      return;
    }
    const float distance = rounded(1.5 * rounded(quartile(2) - quartile(0)));
    threshold_ = rounded(quartile(1) + distance);
  }

  void apply(const Chunk& chunk, float* result) const override {
    const Scratch room(2, chunk.count);
    measure(chunk, room);
    const float* const base = chunk.inputs[base_];
    const float* other = chunk.inputs[other_];
    if (round_to_) {  // the peer adds the difference to the base, in F32
      Steps(round_to_, chunk.count).subtract(other, base, room[0]);
      kernel::add(base, room[0], room[0], chunk.count);
      other = room[0];
    }
    kernel::choose_not_below(room[1], threshold_, other, base, result, chunk.count);
  }

 private:
  // Rows that are not held whole take three passes: the largest elements of both, with whether any
  // was seen; the sums of their exponentials; the divergence.
  [[nodiscard]] bool is_long() const { return row_ > kLongestRow; }
  [[nodiscard]] int row_passes() const { return is_long() ? 3 : 1; }

  void gather_parts(int index, const Chunk& chunk, std::span<double> sums) const;
  void conclude_parts(int index, const PassResult& result);

  struct Pair {
    kernel::Softmax other, base;
  };

  [[nodiscard]] float rounded(double value) const {
    return Steps(round_to_, 1).rounded(static_cast<float>(value));
  }

  // Of a row that is held whole.
  [[nodiscard]] float divergence(const float* x, const float* base) const {
    if (!round_to_) return static_cast<float>(kernel::divergence(x, base, kFloor, row_));
    Pair pair{.other = {.largest = kernel::largest(x, row_)},
              .base = {.largest = kernel::largest(base, row_)}};
    pair.other.share = 1 / kernel::exponential_sum(x, pair.other.largest, row_);
    pair.base.share = 1 / kernel::exponential_sum(base, pair.base.largest, row_);
    return rounded(divergence_part(x, base, pair, row_));
  }
  [[nodiscard]] double divergence_part(const float* x, const float* base, const Pair& pair,
                                       std::size_t count) const;

  // Those of the sample that are in the chunk.
  [[nodiscard]] std::span<const std::uint64_t> sampled(const Chunk& chunk) const {
    const auto from = std::ranges::lower_bound(sample_, chunk.first);
    return {from, std::lower_bound(from, sample_.end(), chunk.first + chunk.count)};
  }

  static std::vector<std::uint64_t> quartile_places(std::uint64_t elements) {
    const std::uint64_t last = std::max<std::uint64_t>(elements, 1) - 1;
    return {last / 4, last / 2, last / 4 * 3 + last % 4 * 3 / 4};
  }

  // The distances into line 0, the importances into line 1.
  void measure(const Chunk& chunk, const Scratch& room) const {
    Steps(round_to_, chunk.count).subtract(chunk.inputs[other_], chunk.inputs[base_], room[0]);
    kernel::absolute(room[0], room[0], chunk.count);
    for_row_parts(chunk, row_,
                  [&](std::size_t from, std::uint64_t row, std::size_t, std::size_t count) {
                    Steps(round_to_, count).scale(room[0] + from, divergence_[row], room[1] + from);
                  });
  }

  std::size_t base_, other_, row_;
  std::optional<DType> round_to_;
  // By row. The thread that sees a row in the first pass writes it, and no other.
  mutable std::vector<float> divergence_;
  std::vector<Pair> softmax_;  // of long rows
  Sampling sampling_;
  std::vector<std::uint64_t> sample_;  // places that quartiles are taken from; empty: all
  QuantileSearch quartiles_;
  float threshold_{};
};

// With a rounding after each operation, where the peer's arithmetic is asked for.
double ArceeFusion::divergence_part(const float* x, const float* base, const Pair& pair,
                                    std::size_t count) const {
  if (!round_to_) return kernel::divergence_part(x, pair.other, base, pair.base, kFloor, count);
  const Steps steps(round_to_, count);
  const Scratch room(2, count);
  float* const p = room[0];
  float* const q = room[1];
  kernel::softmax(x, pair.other, p, count);
  kernel::softmax(base, pair.base, q, count);
  for (float* const line : {p, q}) {
    steps.round(line);
    steps.add_number(line, static_cast<float>(kFloor), line);
  }
  steps.divide(p, q, q);
  kernel::logarithm(q, q, count);
  steps.round(q);
  steps.multiply(p, q, q);
  return kernel::sum(q, count);
}

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
      sums[row] += divergence_part(x, base, pair, count);
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
      divergence_[row] = rounded(result.total(row));
    }
  }
}

Result<std::unique_ptr<MergeProgram>> make_arcee_fusion(const MergeCase& merge_case) {
  if (merge_case.inputs == 1) return make_copy(0);
  const std::size_t base = merge_case.base.value_or(0);
  const std::uint64_t row = merge_case.shape.empty() ? 1 : merge_case.shape.back();
  return make_program<ArceeFusion>(merge_case, base, std::max<std::uint64_t>(row, 1));
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
    .draws = arcee_draws,
};

}  // namespace shardwright
