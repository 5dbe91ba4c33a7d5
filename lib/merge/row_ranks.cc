#include "merge/row_ranks.h"

#include <algorithm>

#include "merge/random_kernels.h"
#include "merge/select_kernels.h"

namespace shardwright {

namespace {

// Below this, comparing each with each is quicker than the tables are.
constexpr std::size_t kShort = 32;
// From here on sorting a row is quicker than going through it for each open element.
constexpr std::size_t kMostScans = 512;
// Ranks that are kept; found by the bits that a difference of 16-bit numbers has.
constexpr std::size_t kKnown = 512;
constexpr int kKnownShift = 16;
constexpr std::uint32_t kNoKey = 0xFFFF'FFFF;  // keys have no sign
constexpr std::size_t kVector = 64;            // elements of the widest vector, at least

bool happens(const RandomKey& key, std::uint64_t element, std::uint16_t number,
             std::uint32_t chance) {
  return number != chance >> 16U ? number < chance >> 16U : random_number(key, element) < chance;
}

}  // namespace

ChanceRamp::ChanceRamp(double least, double most, std::size_t length) {
  if (length < 2) {
    least_ = (least + most) / 2 * 0x1p32;
    step_ = 0;
  } else {
    least_ = least * 0x1p32;
    step_ = (most - least) * 0x1p32 / (2 * static_cast<double>(length - 1));
  }
}

std::uint32_t ChanceRamp::operator()(std::uint64_t twice_rank) const {
  const double chance = least_ + step_ * static_cast<double>(twice_rank);
  // A chance is far below 2^52, where adding a half is exact; lround is a call.
  // NOLINTNEXTLINE(bugprone-incorrect-roundings)
  const auto rounded = static_cast<std::uint64_t>(std::max(chance, 0.0) + 0.5);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(rounded, 0xFFFF'FFFFU));
}

void RowRanks::keep(const RandomKey& key, std::uint64_t first, std::span<float> rows,
                    std::size_t length, double least, double most) {
  numbers_.resize(std::max(numbers_.size(), rows.size()));
  kernel::random_upper_halves(key, first, rows.size(), numbers_.data());
  for (std::size_t at = 0; at < rows.size(); at += length) {
    const auto values = rows.subspan(at, std::min(length, rows.size() - at));
    const Row row{.key = key,
                  .first = first + at,
                  .values = values,
                  .numbers = numbers_.data() + at,
                  .chance = ChanceRamp(least, most, values.size())};
    values.size() <= kShort ? keep_short(row) : keep_long(row);
  }
}

void RowRanks::keep_short(const Row& row) {
  const std::size_t length = row.values.size();
  keys_.resize(std::max(keys_.size(), length));
  kernel::magnitude_keys(row.values.data(), length, keys_.data());
  const std::uint32_t least = row.chance(0) >> 16U;
  const std::uint32_t most = row.chance(2 * std::uint64_t{length}) >> 16U;
  for (std::size_t i = 0; i < length; ++i) {
    const std::uint16_t number = row.numbers[i];
    if (number < least) continue;
    if (number <= most) {
      std::uint32_t rank = 0;
      for (std::size_t other = 0; other < length; ++other)
        rank += keys_[other] < keys_[i] ? 2U : keys_[other] == keys_[i] ? 1U : 0U;
      if (happens(row.key, row.first + i, number, row.chance(rank - 1))) continue;
    }
    row.values[i] = 0;
  }
}

void RowRanks::keep_long(const Row& row) {
  const std::size_t length = row.values.size();
  keys_.resize(std::max(keys_.size(), length));
  open_.resize(std::max(open_.size(), length + kVector));
  counts_.resize(2 * kernel::kRankBins);
  brackets_.resize(kernel::kRankBins);

  const std::uint32_t* const keys = keys_.data();
  const std::uint32_t largest = kernel::magnitude_keys(row.values.data(), length, keys_.data());
  kernel::count_bins(keys, length, largest, counts_.data());
  kernel::bracket_bins(counts_.data(), row.chance, brackets_.data());
  const std::size_t open = kernel::keep_by_bracket(row.values.data(), keys, row.numbers, length,
                                                   largest, brackets_.data(), open_.data());
  const auto decide = [&](std::uint32_t at, std::uint64_t twice_rank) {
    if (!happens(row.key, row.first + at, row.numbers[at], row.chance(twice_rank)))
      row.values[at] = 0;
  };
  const auto open_ones = std::span(open_).first(open);
  if (open <= kMostScans) {
    known_.assign(kKnown, {.key = kNoKey});
    for (const std::uint32_t at : open_ones) {
      Known& known = known_[(keys[at] >> kKnownShift) % kKnown];
      if (known.key != keys[at]) {
        const std::uint64_t twice_rank = kernel::twice_rank(keys, length, keys[at]);
        known = {.key = keys[at], .twice_rank = static_cast<std::uint32_t>(twice_rank)};
      }
      decide(at, known.twice_rank);
    }
    return;
  }
  sorted_.assign(keys, keys + length);
  std::ranges::sort(sorted_);
  for (const std::uint32_t at : open_ones) {
    const auto equal = std::ranges::equal_range(sorted_, keys[at]);
    decide(at, static_cast<std::uint64_t>((equal.begin() - sorted_.begin()) +
                                          (equal.end() - sorted_.begin()) - 1));
  }
}

}  // namespace shardwright
