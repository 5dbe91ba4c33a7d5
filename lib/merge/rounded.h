// Combinations (combination.h) as the peer computes them: with a rounding after each operation, and
// what it takes of whole vectors from those rounded elements.
//
// A formula goes by stages. Each adds up, over a vector, terms of its elements; numbers that follow
// are what the next stage and the result are made with. The peer adds up in F32 in an order that
// hangs on the machine; here sums are exact, and rounded once, so that a number may be one rounding
// off.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "merge/combination.h"
#include "merge/method.h"
#include "merge/steps.h"

namespace shardwright {

// Takes the terms of a sum, as many as a run has elements.
using RoundedAdd = std::function<void(std::size_t sum, const float* terms)>;

// A part of one vector, or, of columns, the same elements of several.
struct RoundedRun {
  Steps steps;
  std::span<const float* const> members{};  // the inputs that vectors are made of
  std::span<const float* const> vectors{};
  const float* base{};  // of the origin, if there is one
  // Number i stands at [i * stride]; of columns, that of each element after the one before.
  std::span<const float> numbers{};
  std::size_t stride{1};
  bool columns{};
  std::span<float* const> spare{};  // lines for the formula's own use
  float* result{};
  std::size_t count{};

  void scale(const float* a, std::size_t number, float* to) const;   // a * number
  void divide(const float* a, std::size_t number, float* to) const;  // a / number
  // The sum of squares of each vector, as sums from 0 on. The last spare line is overwritten.
  void add_squares(std::span<const float* const> of, const RoundedAdd& add) const;
  [[nodiscard]] float number(std::size_t i) const { return numbers[i * stride]; }
};

class RoundedFormula {
 public:
  using Add = RoundedAdd;

  explicit RoundedFormula(DType dtype) : dtype_(dtype) {}
  RoundedFormula(const RoundedFormula&) = delete;
  RoundedFormula& operator=(const RoundedFormula&) = delete;
  virtual ~RoundedFormula() = default;

  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] virtual std::size_t spare_lines() const = 0;
  // Sums of a stage; 0: there is no such stage. Only of whole tensors may it hang on numbers.
  [[nodiscard]] virtual std::size_t sums(std::size_t stage,
                                         std::span<const float> numbers) const = 0;
  virtual void gather(std::size_t stage, const RoundedRun& run, const Add& add) const = 0;
  // Appends what follows from the sums to the numbers of a vector.
  virtual void conclude(std::size_t stage, std::span<const double> sums,
                        std::vector<float>& numbers) const = 0;
  // With the origin added again.
  virtual void apply(const RoundedRun& run) const = 0;

 protected:
  // A number as it stands in the dtype.
  [[nodiscard]] float rd(double value) const { return rd(static_cast<float>(value)); }
  [[nodiscard]] float rd(float value) const;

 private:
  DType dtype_;
};

Result<std::unique_ptr<MergeProgram>> make_rounded(CombinationCase combination,
                                                   std::unique_ptr<RoundedFormula> formula);

}  // namespace shardwright
