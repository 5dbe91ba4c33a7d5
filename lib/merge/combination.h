// Results that lie in the span of their inputs: y = sum of c_i v_i, where v_i is x_i, or x_i - base
// with the base added again at the end.
//
// Most spherical methods are of this kind: their factors c_i follow from the dot products of the
// vectors. So one look at the data is enough, however many steps a method takes from there, and
// those are done in double precision on a few numbers.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "merge/method.h"

namespace shardwright {

// All dot products of n vectors.
class Dots {
 public:
  Dots(std::size_t n, std::span<const double> packed) : n_(n), packed_(packed) {}
  [[nodiscard]] std::size_t size() const { return n_; }
  [[nodiscard]] double at(std::size_t i, std::size_t k) const;
  [[nodiscard]] double norm(std::size_t i) const;
  // Of the combination with these factors.
  [[nodiscard]] double norm(std::span<const double> factors) const;
  // Of vector i with that combination.
  [[nodiscard]] double dot(std::size_t i, std::span<const double> factors) const;

  static constexpr std::size_t packed_size(std::size_t n) { return n * (n + 1) / 2; }

 private:
  std::size_t n_;
  std::span<const double> packed_;  // (0,0), (0,1) ... (0,n-1), (1,1) ...
};

// What is one vector.
enum class Extent : std::uint8_t {
  kTensor,   // the whole tensor
  kRows,     // along the last dimension
  kColumns,  // along the first
};

struct CombinationCase {
  std::vector<std::size_t> members{};   // inputs that are combined
  std::optional<std::size_t> origin{};  // the input that is subtracted from each, and added at last
  Extent extent{};
  std::vector<std::uint64_t> shape{};
  std::optional<DType> round_to{};  // the result, where it is of the tensor or of rows
};

// Sets a factor for each member. Called from many threads.
using Factors = std::function<void(const Dots& dots, std::span<double> factors)>;

Result<std::unique_ptr<MergeProgram>> make_combination(CombinationCase combination,
                                                       Factors factors);

// The inputs but for the base.
std::vector<std::size_t> others(const MergeCase& merge_case);
std::vector<std::size_t> all_inputs(const MergeCase& merge_case);

// The input itself.
Result<std::unique_ptr<MergeProgram>> make_copy(std::size_t input);

}  // namespace shardwright
