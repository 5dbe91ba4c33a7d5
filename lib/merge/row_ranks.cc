#include "merge/row_ranks.h"

#include <algorithm>
#include <cstring>

#include "merge/random.h"
#include "merge/select_kernels.h"

namespace shardwright {

namespace {

// Below this, comparing each with each is quicker than the tables are.
constexpr std::size_t kShort = 32;

// Ranks are doubled, so that means of neighbours are whole.
struct Ramp {
  double least, step;
  std::uint32_t operator()(std::uint64_t twice_rank) const {
    const double chance = least + step * static_cast<double>(twice_rank);
    // A chance is far below 2^52, where adding a half is exact; lround is a call.
    // NOLINTNEXTLINE(bugprone-incorrect-roundings)
    const auto rounded = static_cast<std::uint64_t>(chance + 0.5);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(rounded, 0xFFFF'FFFFU));
  }
};

Ramp ramp(double least, double most, std::size_t length) {
  const double steps = 2 * static_cast<double>(length - 1);
  return {.least = least * 0x1p32, .step = (most - least) * 0x1p32 / steps};
}

void short_chances(std::span<const float> row, const Ramp& chance,
                   std::span<std::uint32_t> chances) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::uint32_t key = kernel::magnitude_key(row[i]);
    std::uint64_t twice_rank = 0;
    for (const float other : row) {
      const std::uint32_t other_key = kernel::magnitude_key(other);
      twice_rank += other_key < key ? 2 : other_key == key ? 1 : 0;
    }
    chances[i] = chance(twice_rank - 1);
  }
}

}  // namespace

RowRanks::RowRanks() : table_(std::size_t{1} << 16U), exact_before_(std::size_t{1} << 15U) {}

void RowRanks::chances(std::span<const float> row, double least, double most,
                       std::span<std::uint32_t> chances) {
  if (row.size() < 2) {
    std::ranges::fill(chances, chance_of((least + most) / 2));
    return;
  }
  const Ramp chance = ramp(least, most, row.size());
  if (row.size() <= kShort) {
    short_chances(row, chance, chances);
    return;
  }

  std::uint32_t* const table = table_.data();
  const auto digits = kernel::rank_digits(row.data(), row.size(), chances.data());
  for (const std::uint32_t digit : chances)
    ++table[digit];

  // Counts become chances where all elements of a digit are equal, and places in a list elsewhere.
  std::uint32_t exact = 0;
  std::uint32_t listed = 0;
  const auto visit = [&](std::size_t at) {
    if (const std::uint32_t equal = table[at]; equal > 0) {
      table[at] = chance(2 * (std::uint64_t{exact} + listed) + equal - 1);
      exact += equal;
    }
    if (const std::uint32_t others = table[at + 1]; others > 0) {
      table[at + 1] = listed;
      exact_before_[at / 2] = exact;
      listed += others;
    }
  };
  const std::size_t begin = std::size_t{digits.lowest} / 8 * 8;
  const std::size_t end =
      digits.lowest > digits.highest ? begin : std::size_t{digits.highest} / 8 * 8 + 8;
  if (begin > 0) visit(0);
  for (std::size_t at = begin; at < end; at += 8) {  // most are empty
    std::uint64_t four[4];
    std::memcpy(four, table + at, sizeof four);
    if ((four[0] | four[1] | four[2] | four[3]) == 0) continue;
    for (std::size_t i = 0; i < 4; ++i) {
      if (four[i] != 0) visit(at + 2 * i);
    }
  }

  if (digits.inexact == 0) {
    for (std::uint32_t& slot : chances)
      slot = table[slot];
  } else {
    inexact_.resize(digits.inexact);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::uint32_t digit = chances[i];
      if (digit % 2 == 0) {
        chances[i] = table[digit];
      } else {
        inexact_[table[digit]++] = std::uint64_t{kernel::magnitude_key(row[i])} << 32U | i;
      }
    }
    // In the list digits are in order already.
    for (std::size_t at = 0; at < inexact_.size();) {
      const std::uint64_t digit = inexact_[at] >> 48U;
      std::size_t until = at + 1;
      while (until < inexact_.size() && inexact_[until] >> 48U == digit)
        ++until;
      std::sort(inexact_.data() + at, inexact_.data() + until);
      for (std::size_t same = at; at < until; at = same) {
        while (same < until && inexact_[same] >> 32U == inexact_[at] >> 32U)
          ++same;
        const std::uint32_t shared =
            chance(2 * std::uint64_t{exact_before_[digit]} + at + same - 1);
        for (std::size_t i = at; i < same; ++i)
          chances[static_cast<std::uint32_t>(inexact_[i])] = shared;
      }
    }
  }
  table[0] = table[1] = 0;
  std::fill(table + begin, table + end, 0);
}

}  // namespace shardwright
