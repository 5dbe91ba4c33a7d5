#include "merge/rounded.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "merge/kernels.h"
#include "merge/row_parts.h"
#include "merge/scratch.h"

namespace shardwright {
namespace {

class RoundedCombination : public MergeProgram {
 public:
  RoundedCombination(CombinationCase combination, std::unique_ptr<RoundedFormula> formula)
      : case_(std::move(combination)), formula_(std::move(formula)) {}

 protected:
  // A chunk, its vectors, and lines for the formula.
  struct Held {
    const Chunk& chunk;
    std::vector<const float*> vectors{};
    std::vector<float*> spare{};
  };

  [[nodiscard]] Held hold(const Chunk& chunk) const {
    const std::size_t differences = case_.origin ? case_.members.size() : 0;
    const Scratch room(differences + formula_->spare_lines(), chunk.count);
    const Steps steps(formula_->dtype(), chunk.count);
    Held held{chunk};
    for (std::size_t i = 0; i < case_.members.size(); ++i) {
      const float* x = chunk.inputs[case_.members[i]];
      if (case_.origin) {
        steps.subtract(x, chunk.inputs[*case_.origin], room[i]);
        x = room[i];
      }
      held.vectors.push_back(x);
    }
    for (std::size_t i = 0; i < formula_->spare_lines(); ++i)
      held.spare.push_back(room[differences + i]);
    return held;
  }

  // Calls body(run) for `count` elements from `from` on.
  template <typename Body>
  void run(const Held& held, std::size_t from, std::size_t count, std::span<const float> numbers,
           std::size_t stride, float* result, const Body& body) const {
    std::vector<const float*> members;
    std::vector<const float*> vectors;
    for (std::size_t i = 0; i < held.vectors.size(); ++i) {
      members.push_back(held.chunk.inputs[case_.members[i]] + from);
      vectors.push_back(held.vectors[i] + from);
    }
    body(RoundedRun{.steps = Steps(formula_->dtype(), count),
                    .members = members,
                    .vectors = vectors,
                    .base = case_.origin ? held.chunk.inputs[*case_.origin] + from : nullptr,
                    .numbers = numbers,
                    .stride = stride,
                    .columns = case_.extent == Extent::kColumns && !is_flat(case_),
                    .spare = held.spare,
                    .result = result == nullptr ? nullptr : result + from,
                    .count = count});
  }

  static bool is_flat(const CombinationCase& combination) {
    return combination.extent == Extent::kTensor || combination.shape.size() < 2;
  }

  [[nodiscard]] const CombinationCase& combination() const { return case_; }
  [[nodiscard]] const RoundedFormula& formula() const { return *formula_; }

 private:
  CombinationCase case_;
  std::unique_ptr<RoundedFormula> formula_;
};

// Whole rows are at hand in every chunk: no pass is needed.
class RoundedRows final : public RoundedCombination {
 public:
  RoundedRows(CombinationCase combination, std::unique_ptr<RoundedFormula> formula)
      : RoundedCombination(std::move(combination), std::move(formula)),
        row_(std::max<std::size_t>(1, this->combination().shape.back())) {}

  [[nodiscard]] std::size_t chunk_elements() const override {
    return std::max<std::size_t>(1, kChunk / row_) * row_;
  }

  void apply(const Chunk& chunk, float* result) const override {
    const Held held = hold(chunk);
    for (std::size_t from = 0; from < chunk.count; from += row_) {
      std::vector<float> numbers;
      std::vector<double> sums;
      for (std::size_t stage = 0;; ++stage) {
        sums.assign(formula().sums(stage, numbers), 0.0);
        if (sums.empty()) break;
        run(held, from, row_, numbers, 1, nullptr, [&](const RoundedRun& part) {
          formula().gather(stage, part, [&](std::size_t sum, const float* terms) {
            sums[sum] += kernel::sum(terms, row_);
          });
        });
        formula().conclude(stage, sums, numbers);
      }
      run(held, from, row_, numbers, 1, result,
          [&](const RoundedRun& part) { formula().apply(part); });
    }
  }

 private:
  std::size_t row_;
};

// A pass for each stage keeps sums for every vector: the tensor, its long rows, or its columns.
class RoundedPasses final : public RoundedCombination {
 public:
  RoundedPasses(CombinationCase combination, std::unique_ptr<RoundedFormula> formula)
      : RoundedCombination(std::move(combination), std::move(formula)) {
    if (is_flat(this->combination())) return;
    const std::span shape(this->combination().shape);
    columns_ = this->combination().extent == Extent::kColumns;
    if (columns_) {
      length_ = vectors_ = std::max<std::uint64_t>(1, product(shape.subspan(1)));
    } else {
      length_ = shape.back();
      vectors_ = product(shape.first(shape.size() - 1));
    }
  }

  [[nodiscard]] std::optional<PassShape> pass(int index) const override {
    const std::size_t sums = formula().sums(static_cast<std::size_t>(index), numbers_of(0));
    if (sums == 0) return std::nullopt;
    return PassShape{.sums = sums * vectors_};
  }

  void gather(int index, const Chunk& chunk, Tally tally) const override {
    for_parts(chunk, nullptr, [&](const RoundedRun& part, std::size_t vector) {
      formula().gather(static_cast<std::size_t>(index), part,
                       [&](std::size_t sum, const float* terms) {
                         double* to = tally.sums.data() + sum * vectors_ + vector;
                         if (!columns_) {
                           *to += kernel::sum(terms, part.count);
                           return;
                         }
                         for (std::size_t i = 0; i < part.count; ++i)
                           to[i] += static_cast<double>(terms[i]);
                       });
    });
  }

  void conclude(int index, const PassResult& result) override {
    std::vector<double> sums(result.sums / vectors_);
    std::vector<float> all;
    for (std::size_t vector = 0; vector < vectors_; ++vector) {
      for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i] = result.total(i * vectors_ + vector);
      std::vector<float> numbers = numbers_of(vector);
      formula().conclude(static_cast<std::size_t>(index), sums, numbers);
      all.resize(numbers.size() * vectors_);
      for (std::size_t i = 0; i < numbers.size(); ++i)
        all[i * vectors_ + vector] = numbers[i];
    }
    numbers_ = std::move(all);
  }

  void apply(const Chunk& chunk, float* result) const override {
    for_parts(chunk, result,
              [&](const RoundedRun& part, std::size_t /*vector*/) { formula().apply(part); });
  }

 private:
  // Calls body(run, its vector, or of columns the first).
  template <typename Body>
  void for_parts(const Chunk& chunk, float* result, const Body& body) const {
    const Held held = hold(chunk);
    for_row_parts(chunk, length_,
                  [&](std::size_t from, std::uint64_t row, std::size_t at, std::size_t count) {
                    const std::size_t vector = columns_ ? at : row;
                    const auto numbers =
                        std::span(numbers_).subspan(std::min<std::size_t>(vector, numbers_.size()));
                    run(held, from, count, numbers, vectors_, result,
                        [&](const RoundedRun& part) { body(part, vector); });
                  });
  }

  [[nodiscard]] std::vector<float> numbers_of(std::size_t vector) const {
    std::vector<float> numbers;
    for (std::size_t at = vector; at < numbers_.size(); at += vectors_)
      numbers.push_back(numbers_[at]);
    return numbers;
  }

  static std::uint64_t product(std::span<const std::uint64_t> extents) {
    return std::accumulate(extents.begin(), extents.end(), std::uint64_t{1}, std::multiplies<>());
  }

  // Of a row, whatever a vector is; of a tensor that is one vector, beyond its end.
  std::uint64_t length_ = std::numeric_limits<std::uint64_t>::max();
  std::size_t vectors_ = 1;
  bool columns_{};
  std::vector<float> numbers_;  // number after number, each of all vectors
};

}  // namespace

void RoundedRun::scale(const float* a, std::size_t number, float* to) const {
  const float* factor = &numbers[number * stride];
  columns ? steps.multiply(a, factor, to) : steps.scale(a, *factor, to);
}

void RoundedRun::divide(const float* a, std::size_t number, float* to) const {
  const float* divisor = &numbers[number * stride];
  columns ? steps.divide(a, divisor, to) : steps.divide_by(a, *divisor, to);
}

void RoundedRun::add_squares(std::span<const float* const> of, const RoundedAdd& add) const {
  for (std::size_t i = 0; i < of.size(); ++i) {
    kernel::multiply(of[i], of[i], spare.back(), count);
    add(i, spare.back());
  }
}

float RoundedFormula::rd(float value) const {
  return kernel::rounded_to(dtype_, value);
}

Result<std::unique_ptr<MergeProgram>> make_rounded(CombinationCase combination,
                                                   std::unique_ptr<RoundedFormula> formula) {
  const auto& shape = combination.shape;
  const bool rows = combination.extent == Extent::kRows && shape.size() >= 2;
  if (rows && shape.back() <= MergeProgram::kLongestRow)
    return make_program<RoundedRows>(std::move(combination), std::move(formula));
  return make_program<RoundedPasses>(std::move(combination), std::move(formula));
}

}  // namespace shardwright
