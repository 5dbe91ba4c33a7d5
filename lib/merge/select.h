// The elements of a tensor that come first by magnitude, found in passes over its chunks.
//
// Elements are ordered from the largest magnitude to the smallest, equal ones by their index. A cut
// divides that order after exactly so many elements. It is found digit by digit: the upper half of
// the magnitude's bits, the lower half among those that share the upper one, then the place among
// those that are equal. No tensor is sorted or copied, and most digits need not be looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace shardwright {

// An element is inside where its key (kernel::magnitude_key) is above `key`, or equal to it and the
// element stands before `bound`, or among the first `quota` of the equal ones in the chunk that
// begins there.
struct Cut {
  static constexpr std::uint64_t kEverywhere = std::numeric_limits<std::uint64_t>::max();
  std::uint32_t key{};
  std::uint64_t bound{};
  std::uint64_t quota{};
};

// Puts zeros where elements of the chunk are not inside; or where they are.
void keep_inside(const Cut& cut, std::uint64_t first, std::span<float> chunk);
void keep_outside(const Cut& cut, std::uint64_t first, std::span<float> chunk);

// Tensors of up to so many elements are best one chunk: they need no passes then, whose tables
// would cost more than they do.
inline constexpr std::size_t kOneChunk = 16'384;

// The cut after `rank` elements of a tensor that is one chunk.
Cut cut_of(std::span<const float> tensor, std::uint64_t rank);

// Cuts of one tensor, of which the first pass is shared.
class CutSearch {
 public:
  // `chunk`: elements of the chunks that gather() and keep_inside() see, all but the last.
  CutSearch(std::uint64_t elements, std::size_t chunk, const std::vector<std::uint64_t>& ranks);

  // Counts of the next pass; 0: no more passes.
  [[nodiscard]] std::size_t counts() const;
  [[nodiscard]] std::size_t most_counts() const;  // of any pass
  void gather(std::uint64_t first, std::span<const float> chunk,
              std::span<std::uint64_t> counts) const;
  void conclude(std::span<const std::uint64_t> counts);

  // Elements that are not zero in those counts of the first pass.
  static std::uint64_t nonzero(std::span<const std::uint64_t> counts) { return counts.back(); }
  // Ranks may be set anew until the first pass is concluded.
  void set_ranks(const std::vector<std::uint64_t>& ranks);

  [[nodiscard]] const Cut& cut(std::size_t i) const { return searches_[i].cut; }

 private:
  enum class Digit : std::uint8_t { kUpper, kLower, kPlace, kNone };
  struct Search {
    std::uint64_t rank{};
    Digit digit = Digit::kUpper;  // that the next pass counts
    std::uint64_t left{};         // elements to take of those that share the digits so far
    std::uint32_t upper{};
    std::uint64_t begin{}, width{};  // places: a range of bins of this width
    std::size_t bins{};
    Cut cut{};
  };

  [[nodiscard]] static std::size_t counts_of(const Search& search);
  void find_upper(Search& search, std::span<const std::uint64_t> counts) const;
  void find_lower(Search& search, std::span<const std::uint64_t> counts) const;
  void find_place(Search& search, std::span<const std::uint64_t> counts) const;
  void place_among(Search& search, std::uint64_t begin, std::uint64_t elements) const;

  std::uint64_t elements_;
  std::size_t chunk_;
  std::vector<Search> searches_;
};

}  // namespace shardwright
