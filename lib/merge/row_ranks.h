// Elements of a row that are kept by chance, the larger the likelier.
//
// The smallest magnitude of a row has rank 0, the largest the row's length less one; equal ones
// share the mean of their ranks, so that the mean of the chances is what it should be, and no
// element is preferred for its place. Rows are counted in coarse bins of magnitude, not sorted: the
// bin decides for nearly all elements, since their random numbers are below the chance of all ranks
// in the bin, or above. The few others have their ranks counted one by one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "merge/random.h"

namespace shardwright {

// The chance of a rank: `least` + rank / (length - 1) * (`most` - `least`), as chance_of() has it.
// Ranks are doubled, so that means of neighbours are whole. A single element stands in the middle.
class ChanceRamp {
 public:
  ChanceRamp(double least, double most, std::size_t length);
  [[nodiscard]] std::uint32_t operator()(std::uint64_t twice_rank) const;
  [[nodiscard]] double least() const { return least_; }    // times 2^32
  [[nodiscard]] double step() const { return 2 * step_; }  // from rank to rank, times 2^32

 private:
  double least_, step_;
};

// Tables that are used again for each row: 10 KB, and 14 bytes an element of the longest row.
class RowRanks {
 public:
  // Puts zeros where an element's number is not below its chance, in rows of `length` elements of
  // which the last may be shorter. `first` is the element at which the rows begin.
  void keep(const RandomKey& key, std::uint64_t first, std::span<float> rows, std::size_t length,
            double least, double most);

  static constexpr std::size_t kLongest = std::size_t{1} << 16U;

 private:
  struct Row {
    const RandomKey& key;
    std::uint64_t first;
    std::span<float> values;
    const std::uint16_t* numbers;  // upper halves
    ChanceRamp chance;
  };
  void keep_short(const Row& row);
  void keep_long(const Row& row);

  std::vector<std::uint16_t> numbers_;
  std::vector<std::uint32_t> keys_, open_, sorted_;
  std::vector<std::uint32_t> counts_, brackets_;
  // Ranks of keys that were counted in this row: differences of 16-bit numbers share few.
  struct Known {
    std::uint32_t key{}, twice_rank{};
  };
  std::vector<Known> known_;
};

namespace kernel {

// Bin 0 is of zeros alone. The last one is that of the largest magnitude, others are 1/32 of an
// octave each, and bin 1 has what is smaller than those.
inline constexpr std::size_t kRankBins = 512;

// The keys of magnitudes (select_kernels.h). Returns the largest, or 0.
std::uint32_t magnitude_keys(const float* values, std::size_t count, std::uint32_t* keys);

// Adds 1 to counts[2 * bin] or the one after it, for each key.
void count_bins(const std::uint32_t* keys, std::size_t count, std::uint32_t largest,
                std::uint32_t* counts);

// For each bin the upper halves of chances: in the lower half one that no rank of the bin is below,
// in the upper half one that none is above. Leaves zeros in `counts`.
void bracket_bins(std::uint32_t* counts, const ChanceRamp& chance, std::uint32_t* brackets);

// Puts zeros where the number's upper half is above the bracket. Returns how many are inside it,
// and puts their positions into `open`, which has room for `count` and a vector.
std::size_t keep_by_bracket(float* values, const std::uint32_t* keys, const std::uint16_t* numbers,
                            std::size_t count, std::uint32_t largest, const std::uint32_t* brackets,
                            std::uint32_t* open);

// Twice the rank of a key among keys, of which it is one.
std::uint64_t twice_rank(const std::uint32_t* keys, std::size_t count, std::uint32_t key);

}  // namespace kernel
}  // namespace shardwright
