// The ranks of magnitudes in a row, as chances to be kept.
//
// The smallest magnitude of a row has rank 0, the largest the row's length less one; equal ones
// share the mean of their ranks, so that the mean of the chances is what it should be, and no
// element is preferred for its place. Found by counting: the upper half of each magnitude's bits
// decides wherever the lower half is zero, as it is in nearly all differences of 16-bit numbers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace shardwright {

// Tables that are used again for each row; 400 KB.
class RowRanks {
 public:
  RowRanks();

  // chances[i] becomes that of `least` + rank / (length - 1) * (`most` - `least`). A single element
  // stands in the middle. Rows have at most kLongest elements.
  void chances(std::span<const float> row, double least, double most,
               std::span<std::uint32_t> chances);

  static constexpr std::size_t kLongest = std::size_t{1} << 18U;

 private:
  std::vector<std::uint32_t> table_;         // two entries a digit; zeros between two calls
  std::vector<std::uint32_t> exact_before_;  // by digit
  std::vector<std::uint64_t> inexact_;       // key and index
};

namespace kernel {

// Twice the upper half of each magnitude's bits, and 1 more where the lower half is not zero.
struct RankDigits {
  std::uint32_t lowest{}, highest{};  // of those that are not zero; lowest > highest: none
  std::size_t inexact{};              // odd ones
};
RankDigits rank_digits(const float* values, std::size_t count, std::uint32_t* digits);

}  // namespace kernel
}  // namespace shardwright
