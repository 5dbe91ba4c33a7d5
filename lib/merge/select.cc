#include "merge/select.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "merge/select_kernels.h"

namespace shardwright {

namespace {

// Places are counted in at most this many bins.
constexpr std::uint64_t kMostBins = 32768;
constexpr std::uint32_t kPastAll = 0x7FFF'FFFF;  // the largest key is of a NaN with all bits set

// Where the equal elements of this chunk end to be inside.
std::size_t equal_until(const Cut& cut, std::uint64_t first, std::span<const float> chunk) {
  if (first < cut.bound) return chunk.size();
  if (first > cut.bound) return 0;
  std::uint64_t seen = 0;
  std::size_t i = 0;
  for (; i < chunk.size() && seen < cut.quota; ++i)
    seen += kernel::magnitude_key(chunk[i]) == cut.key ? 1U : 0U;
  return i;
}

template <typename Keep>
void keep_side(Keep keep, const Cut& cut, std::uint64_t first, std::span<float> chunk) {
  const std::size_t until = equal_until(cut, first, chunk);
  keep(chunk.data(), until, cut.key);
  keep(chunk.data() + until, chunk.size() - until, cut.key + 1);
}

// The digit, counted from the largest, at which `left` elements have been passed; `left` becomes
// what remains of it at that digit.
template <typename CountOf>
std::size_t descend(std::size_t digits, std::uint64_t& left, CountOf count_of) {
  std::size_t digit = digits;
  while (digit-- > 1) {
    const std::uint64_t count = count_of(digit);
    if (left <= count) return digit;
    left -= count;
  }
  return 0;
}

}  // namespace

void keep_inside(const Cut& cut, std::uint64_t first, std::span<float> chunk) {
  keep_side(kernel::keep_from, cut, first, chunk);
}

void keep_outside(const Cut& cut, std::uint64_t first, std::span<float> chunk) {
  keep_side(kernel::keep_below, cut, first, chunk);
}

Cut cut_of(std::span<const float> tensor, std::uint64_t rank) {
  if (rank == 0) return {.key = kPastAll};
  if (rank >= tensor.size()) return {.bound = Cut::kEverywhere};
  std::vector<std::uint32_t> keys(tensor.size());
  std::ranges::transform(tensor, keys.begin(), kernel::magnitude_key);
  const auto last = keys.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::ranges::nth_element(keys, last, std::greater{});
  // What stands before the last one inside is no smaller: those that equal it are its quota.
  return {.key = *last,
          .quota = static_cast<std::uint64_t>(std::count(keys.begin(), last + 1, *last))};
}

CutSearch::CutSearch(std::uint64_t elements, std::size_t chunk,
                     const std::vector<std::uint64_t>& ranks)
    : elements_(elements), chunk_(chunk) {
  set_ranks(ranks);
}

void CutSearch::set_ranks(const std::vector<std::uint64_t>& ranks) {
  searches_.clear();
  for (const std::uint64_t rank : ranks) {
    searches_.push_back({.rank = rank});
    place_among(searches_.back(), 0, elements_);
  }
}

// Bins over a range of places: of one chunk each where they suffice.
void CutSearch::place_among(Search& search, std::uint64_t begin, std::uint64_t elements) const {
  search.begin = begin;
  search.width = chunk_;
  while (search.width * kMostBins < elements)
    search.width *= 2;
  search.bins = (elements + search.width - 1) / search.width;
}

std::size_t CutSearch::counts_of(const Search& search) {
  switch (search.digit) {
    case Digit::kLower:
      return kernel::kLowerCounts + search.bins;
    case Digit::kPlace:
      return search.bins;
    default:
      return 0;
  }
}

std::size_t CutSearch::most_counts() const {
  return std::max(kernel::kUpperCounts + 1,
                  searches_.size() * (kernel::kLowerCounts + std::size_t{kMostBins}));
}

std::size_t CutSearch::counts() const {
  std::size_t sum = 0;
  for (const Search& search : searches_) {
    if (search.digit == Digit::kUpper) return kernel::kUpperCounts + 1;
    sum += counts_of(search);
  }
  return sum;
}

void CutSearch::gather(std::uint64_t first, std::span<const float> chunk,
                       std::span<std::uint64_t> counts) const {
  std::size_t at = 0;
  for (const Search& search : searches_) {
    if (search.digit == Digit::kUpper) {  // of all searches at once
      counts.back() += kernel::count_upper(chunk.data(), chunk.size(), counts.data());
      return;
    }
    const auto mine = counts.subspan(at, counts_of(search));
    at += mine.size();
    if (mine.empty() || first < search.begin) continue;
    const std::uint64_t bin = (first - search.begin) / search.width;
    if (search.digit == Digit::kLower) {
      // Most likely the wanted one is a number of sixteen bits, a difference of such: the places of
      // those are counted on the way, which saves a pass.
      const std::uint64_t before = mine[0];
      kernel::count_lower(chunk.data(), chunk.size(), search.upper, mine.data());
      mine[kernel::kLowerCounts + bin] += mine[0] - before;
    } else if (bin < search.bins) {
      mine[bin] += kernel::count_equal(chunk.data(), chunk.size(), search.cut.key);
    }
  }
}

void CutSearch::conclude(std::span<const std::uint64_t> counts) {
  std::size_t at = 0;
  for (Search& search : searches_) {
    if (search.digit == Digit::kUpper) {
      find_upper(search, counts);
      continue;
    }
    const auto mine = counts.subspan(at, counts_of(search));
    at += mine.size();
    if (search.digit == Digit::kLower) {
      find_lower(search, mine);
    } else if (search.digit == Digit::kPlace) {
      find_place(search, mine);
    }
  }
}

void CutSearch::find_upper(Search& search, std::span<const std::uint64_t> counts) const {
  search.digit = Digit::kNone;
  if (search.rank == 0) {
    search.cut = {.key = kPastAll};
    return;
  }
  if (search.rank >= nonzero(counts)) {  // zeros are the same on both sides
    search.cut = {.key = search.rank >= elements_ ? 0U : 1U, .bound = Cut::kEverywhere};
    return;
  }
  const auto count_of = [&](std::size_t upper) {
    return counts[2 * upper] + counts[2 * upper + 1];
  };
  search.left = search.rank;
  search.upper =
      static_cast<std::uint32_t>(descend(kernel::kUpperCounts / 2, search.left, count_of));
  if (search.left == count_of(search.upper)) {
    search.cut = {.key = search.upper << 16U, .bound = Cut::kEverywhere};
  } else {
    search.digit = Digit::kLower;
  }
}

void CutSearch::find_lower(Search& search, std::span<const std::uint64_t> counts) const {
  const auto lower = static_cast<std::uint32_t>(
      descend(kernel::kLowerCounts, search.left, [&](std::size_t i) { return counts[i]; }));
  search.digit = Digit::kNone;
  search.cut = {.key = search.upper << 16U | lower, .bound = Cut::kEverywhere};
  if (search.left == counts[lower]) return;
  search.digit = Digit::kPlace;
  if (lower == 0) find_place(search, counts.subspan(kernel::kLowerCounts));
}

void CutSearch::find_place(Search& search, std::span<const std::uint64_t> counts) const {
  std::size_t bin = 0;
  for (; bin + 1 < counts.size() && search.left > counts[bin]; ++bin)
    search.left -= counts[bin];
  const std::uint64_t begin = search.begin + bin * search.width;
  if (search.width == chunk_) {
    search.digit = Digit::kNone;
    search.cut.bound = begin;
    search.cut.quota = search.left;
  } else {
    place_among(search, begin, search.width);
  }
}

}  // namespace shardwright
