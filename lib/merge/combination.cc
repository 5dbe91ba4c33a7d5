#include "merge/combination.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "merge/kernels.h"
#include "merge/row_parts.h"
#include "merge/scratch.h"

namespace shardwright {
namespace {

// The vectors of a chunk: inputs, or their differences from the origin.
std::vector<const float*> vectors_of(const CombinationCase& combination, const Chunk& chunk,
                                     const Scratch& room) {
  std::vector<const float*> vectors;
  for (std::size_t i = 0; i < combination.members.size(); ++i) {
    const float* x = chunk.inputs[combination.members[i]];
    if (combination.origin) {
      kernel::subtract(x, chunk.inputs[*combination.origin], room[i], chunk.count);
      x = room[i];
    }
    vectors.push_back(x);
  }
  return vectors;
}

void add_dots(std::span<const float* const> vectors, std::size_t from, std::size_t count,
              std::span<double> sums) {
  if (vectors.size() == 2) {
    const auto both = kernel::products(vectors[0] + from, vectors[1] + from, count);
    sums[0] += both.aa;
    sums[1] += both.ab;
    sums[2] += both.bb;
    return;
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    sums[at++] += kernel::sum_squares(vectors[i] + from, count);
    for (std::size_t k = i + 1; k < vectors.size(); ++k)
      sums[at++] += kernel::dot(vectors[i] + from, vectors[k] + from, count);
  }
}

// Without the origin.
void combine(std::span<const float* const> vectors, std::span<const double> factors,
             std::size_t count, float* to) {
  const auto factor = [&](std::size_t i) { return static_cast<float>(factors[i]); };
  if (vectors.size() == 1) return kernel::scale(vectors[0], factor(0), to, count);
  kernel::blend(vectors[0], factor(0), vectors[1], factor(1), to, count);
  for (std::size_t i = 2; i < vectors.size(); ++i)
    kernel::add_scaled(vectors[i], factor(i), to, count);
}

class Combination : public MergeProgram {
 public:
  Combination(CombinationCase combination, Factors factors)
      : case_(std::move(combination)), factors_(std::move(factors)) {}

 protected:
  [[nodiscard]] std::size_t size() const { return case_.members.size(); }
  [[nodiscard]] std::size_t dots() const { return Dots::packed_size(size()); }
  // Lines of scratch that vectors() fills.
  [[nodiscard]] std::size_t scratch_lines() const { return case_.origin ? size() : 0; }
  [[nodiscard]] std::vector<double> factors_of(std::span<const double> packed) const {
    std::vector<double> factors(size());
    factors_(Dots(size(), packed), factors);
    return factors;
  }
  [[nodiscard]] std::vector<const float*> vectors(const Chunk& chunk, const Scratch& room) const {
    return vectors_of(case_, chunk, room);
  }
  // The result for `count` elements from `from` on.
  void run(const Chunk& chunk, std::vector<const float*> vectors, std::span<const double> factors,
           std::size_t from, std::size_t count, float* result) const {
    for (const float*& vector : vectors)
      vector += from;
    combine(vectors, factors, count, result + from);
    if (case_.origin) {
      const float* base = chunk.inputs[*case_.origin] + from;
      kernel::add(result + from, base, result + from, count);
    }
    if (case_.round_to) kernel::round_to(*case_.round_to, result + from, count);
  }
  void add_origin(const Chunk& chunk, float* result) const {
    if (case_.origin) kernel::add(result, chunk.inputs[*case_.origin], result, chunk.count);
  }
  [[nodiscard]] const CombinationCase& combination() const { return case_; }

 private:
  CombinationCase case_;
  Factors factors_;
};

class OfTensor final : public Combination {
 public:
  using Combination::Combination;

  [[nodiscard]] std::optional<PassShape> pass(int index) const override {
    if (index > 0) return std::nullopt;
    return PassShape{.sums = dots()};
  }

  void gather(int /*index*/, const Chunk& chunk, Tally tally) const override {
    const Scratch room(scratch_lines(), chunk.count);
    add_dots(vectors(chunk, room), 0, chunk.count, tally.sums);
  }

  void conclude(int /*index*/, const PassResult& result) override {
    std::vector<double> packed(dots());
    for (std::size_t i = 0; i < packed.size(); ++i)
      packed[i] = result.total(i);
    factors_ = factors_of(packed);
  }

  void apply(const Chunk& chunk, float* result) const override {
    const Scratch room(scratch_lines(), chunk.count);
    run(chunk, vectors(chunk, room), factors_, 0, chunk.count, result);
  }

 private:
  std::vector<double> factors_;
};

// Whole rows are at hand in every chunk: no pass is needed.
class OfRows final : public Combination {
 public:
  OfRows(CombinationCase combination, Factors factors)
      : Combination(std::move(combination), std::move(factors)),
        row_(std::max<std::size_t>(1, this->combination().shape.back())) {}

  [[nodiscard]] std::size_t chunk_elements() const override {
    return std::max<std::size_t>(1, kChunk / row_) * row_;
  }

  void apply(const Chunk& chunk, float* result) const override {
    const Scratch room(scratch_lines(), chunk.count);
    const auto vectors = this->vectors(chunk, room);
    std::vector<double> packed(dots());
    for (std::size_t from = 0; from < chunk.count; from += row_) {
      std::ranges::fill(packed, 0.0);
      add_dots(vectors, from, row_, packed);
      run(chunk, vectors, factors_of(packed), from, row_, result);
    }
  }

 private:
  std::size_t row_;
};

// Rows that are too long to be held whole: a pass keeps dot products for every row.
class OfLongRows final : public Combination {
 public:
  OfLongRows(CombinationCase combination, Factors factors, std::uint64_t elements)
      : Combination(std::move(combination), std::move(factors)),
        row_(this->combination().shape.back()),
        rows_(elements / row_) {}

  [[nodiscard]] std::optional<PassShape> pass(int index) const override {
    if (index > 0) return std::nullopt;
    return PassShape{.sums = dots() * rows_};
  }

  void gather(int /*index*/, const Chunk& chunk, Tally tally) const override {
    const Scratch room(scratch_lines(), chunk.count);
    const auto vectors = this->vectors(chunk, room);
    for_row_parts(chunk, row_,
                  [&](std::size_t from, std::uint64_t row, std::size_t /*at*/, std::size_t count) {
                    add_dots(vectors, from, count, tally.sums.subspan(row * dots(), dots()));
                  });
  }

  void conclude(int /*index*/, const PassResult& result) override {
    std::vector<double> packed(dots());
    for (std::uint64_t row = 0; row < rows_; ++row) {
      for (std::size_t i = 0; i < packed.size(); ++i)
        packed[i] = result.total(row * dots() + i);
      factors_.push_back(factors_of(packed));
    }
  }

  void apply(const Chunk& chunk, float* result) const override {
    const Scratch room(scratch_lines(), chunk.count);
    const auto vectors = this->vectors(chunk, room);
    for_row_parts(chunk, row_,
                  [&](std::size_t from, std::uint64_t row, std::size_t /*at*/, std::size_t count) {
                    run(chunk, vectors, factors_[row], from, count, result);
                  });
  }

 private:
  std::uint64_t row_, rows_;
  std::vector<std::vector<double>> factors_;
};

// Whole rows are at hand in every chunk, or else a pass is needed.
Result<std::unique_ptr<MergeProgram>> make_of_rows(CombinationCase combination, Factors factors) {
  const std::uint64_t row = combination.shape.back();
  if (row <= MergeProgram::kLongestRow)
    return make_program<OfRows>(std::move(combination), std::move(factors));
  std::uint64_t elements = 1;
  for (const std::uint64_t extent : combination.shape)
    elements *= extent;
  return make_program<OfLongRows>(std::move(combination), std::move(factors), elements);
}

// A pass keeps dot products for every column; a chunk holds parts of columns, in any phase.
class OfColumns final : public Combination {
 public:
  OfColumns(CombinationCase combination, Factors factors)
      : Combination(std::move(combination), std::move(factors)), columns_(count_columns()) {}

  [[nodiscard]] std::optional<PassShape> pass(int index) const override {
    if (index > 0) return std::nullopt;
    return PassShape{.sums = dots() * columns_};
  }

  void gather(int /*index*/, const Chunk& chunk, Tally tally) const override {
    const Scratch room(scratch_lines(), chunk.count);
    const auto vectors = this->vectors(chunk, room);
    for_row_parts(
        chunk, columns_,
        [&](std::size_t from, std::uint64_t /*row*/, std::size_t column, std::size_t count) {
          double* sums = tally.sums.data() + column;
          for (std::size_t i = 0; i < vectors.size(); ++i) {
            for (std::size_t k = i; k < vectors.size(); ++k, sums += columns_)
              kernel::add_products(vectors[i] + from, vectors[k] + from, sums, count);
          }
        });
  }

  void conclude(int /*index*/, const PassResult& result) override {
    factors_.resize(size() * columns_);
    std::vector<double> packed(dots());
    for (std::size_t column = 0; column < columns_; ++column) {
      for (std::size_t i = 0; i < packed.size(); ++i)
        packed[i] = result.total(i * columns_ + column);
      const auto factors = factors_of(packed);
      for (std::size_t i = 0; i < factors.size(); ++i)
        factors_[i * columns_ + column] = static_cast<float>(factors[i]);
    }
  }

  void apply(const Chunk& chunk, float* result) const override {
    const Scratch room(scratch_lines() + 1, chunk.count);
    const auto vectors = this->vectors(chunk, room);
    float* product = room[scratch_lines()];
    for_row_parts(
        chunk, columns_,
        [&](std::size_t from, std::uint64_t /*row*/, std::size_t column, std::size_t count) {
          kernel::multiply(vectors[0] + from, factors_.data() + column, result + from, count);
          for (std::size_t i = 1; i < vectors.size(); ++i) {
            kernel::multiply(vectors[i] + from, factors_.data() + i * columns_ + column, product,
                             count);
            kernel::add(result + from, product, result + from, count);
          }
        });
    add_origin(chunk, result);
  }

 private:
  [[nodiscard]] std::size_t count_columns() const {
    const auto& shape = combination().shape;
    return std::max<std::size_t>(
        1, std::accumulate(shape.begin() + 1, shape.end(), std::size_t{1}, std::multiplies<>()));
  }

  std::size_t columns_;
  std::vector<float> factors_;
};

class Copy final : public MergeProgram {
 public:
  explicit Copy(std::size_t input) : input_(input) {}
  void apply(const Chunk& chunk, float* result) const override {
    std::copy_n(chunk.inputs[input_], chunk.count, result);
  }

 private:
  std::size_t input_;
};

}  // namespace

double Dots::at(std::size_t i, std::size_t k) const {
  if (i > k) std::swap(i, k);
  return packed_[i * n_ - i * (i + 1) / 2 + k];
}

double Dots::norm(std::size_t i) const {
  return std::sqrt(at(i, i));
}

double Dots::dot(std::size_t i, std::span<const double> factors) const {
  double sum = 0;
  for (std::size_t k = 0; k < n_; ++k)
    sum += factors[k] * at(i, k);
  return sum;
}

double Dots::norm(std::span<const double> factors) const {
  double sum = 0;
  for (std::size_t i = 0; i < n_; ++i)
    sum += factors[i] * dot(i, factors);
  return std::sqrt(std::max(sum, 0.0));
}

Result<std::unique_ptr<MergeProgram>> make_combination(CombinationCase combination,
                                                       Factors factors) {
  const bool flat = combination.shape.size() < 2;
  if (combination.extent == Extent::kTensor || flat)
    return make_program<OfTensor>(std::move(combination), std::move(factors));
  if (combination.extent == Extent::kRows)
    return make_of_rows(std::move(combination), std::move(factors));
  return make_program<OfColumns>(std::move(combination), std::move(factors));
}

std::vector<std::size_t> others(const MergeCase& merge_case) {
  std::vector<std::size_t> inputs = all_inputs(merge_case);
  if (merge_case.base) std::erase(inputs, *merge_case.base);
  return inputs;
}

std::vector<std::size_t> all_inputs(const MergeCase& merge_case) {
  std::vector<std::size_t> inputs(merge_case.inputs);
  std::iota(inputs.begin(), inputs.end(), std::size_t{0});
  return inputs;
}

Result<std::unique_ptr<MergeProgram>> make_copy(std::size_t input) {
  return make_program<Copy>(input);
}

}  // namespace shardwright
