#include "merge/row_ranks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include <doctest/doctest.h>

#include "merge/random.h"
#include "merge/select_kernels.h"

namespace shardwright {
namespace {

using Floats = std::vector<float>;

// Beside ranks by comparing each with each, and numbers one by one.
void check_row(RowRanks& ranks, const Floats& row, double least, double most,
               std::uint64_t first = 77) {
  const RandomKey key = random_key(3, "a", 1);
  Floats kept = row;
  ranks.keep(key, first, kept, std::max<std::size_t>(1, row.size()), least, most);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    double rank = 0;
    for (const float other : row) {
      const auto here = kernel::magnitude_key(row[i]);
      const auto there = kernel::magnitude_key(other);
      rank += there < here ? 1 : there == here ? 0.5 : 0;
    }
    const double share = row.size() == 1 ? 0.5 : (rank - 0.5) / static_cast<double>(row.size() - 1);
    const std::uint32_t chance = chance_of(least + share * (most - least));
    const bool stays = random_number(key, first + i) < chance;
    const auto bits = std::bit_cast<std::uint32_t>(kept[i]);
    wrong += bits != (stays ? std::bit_cast<std::uint32_t>(row[i]) : 0) ? 1U : 0U;
  }
  CHECK(wrong == 0);
}

TEST_CASE("what is kept goes by the rank; equal magnitudes have the same chance") {
  RowRanks ranks;
  std::mt19937 random(5);
  std::normal_distribution<float> distribution(0, 1e-3F);
  for (const std::size_t length : {0U, 1U, 2U, 31U, 32U, 33U, 100U, 576U, 4096U}) {
    Floats row(length);
    for (float& value : row)
      value = distribution(random);
    check_row(ranks, row, 0.35, 0.65);
    check_row(ranks, row, 0.4, 0.4);
    for (float& value : row)  // sixteen bits, with zeros
      value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & 0xFFF0'0000U);
    for (std::size_t i = 0; i < length; i += 5)
      row[i] = 0;
    check_row(ranks, row, 0, 1);
    for (std::size_t i = 0; i < length; i += 7)  // a few of more bits
      row[i] += 1e-9F;
    check_row(ranks, row, 0.35, 0.65);
    check_row(ranks, Floats(length, 0.0F), 0.1, 0.3);
    check_row(ranks, Floats(length, -0.1F), 0.1, 0.3);
  }
  Floats odd(300, 1.0F);
  odd[3] = std::numeric_limits<float>::quiet_NaN();
  odd[4] = std::numeric_limits<float>::infinity();
  odd[5] = std::numeric_limits<float>::denorm_min();
  check_row(ranks, odd, 0.35, 0.65);
}

TEST_CASE("one element that is far larger leaves all others in one bin: they are sorted") {
  RowRanks ranks;
  std::mt19937 random(6);
  std::normal_distribution<float> distribution(0, 1e-3F);
  Floats row(3000);
  for (float& value : row)
    value = std::round(distribution(random) * 1e5F) * 1e-5F;
  row[17] = 1e30F;
  check_row(ranks, row, 0, 1);
  check_row(ranks, row, 0.25, 0.35);
}

TEST_CASE("rows of a chunk are ranked apart, with the numbers of their elements") {
  RowRanks ranks;
  const RandomKey key = random_key(4, "b", 0);
  std::mt19937 random(7);
  std::normal_distribution<float> distribution;
  for (const std::size_t length : {3U, 100U}) {
    Floats rows(5 * length - 1);  // the last is shorter
    for (float& value : rows)
      value = distribution(random);
    Floats together = rows;
    ranks.keep(key, 1000, together, length, 0.3, 0.7);
    for (std::size_t at = 0; at < rows.size(); at += length) {
      const auto row = std::span(rows).subspan(at, std::min(length, rows.size() - at));
      ranks.keep(key, 1000 + at, row, row.size(), 0.3, 0.7);
    }
    CHECK(together == rows);
  }
}

TEST_CASE("as many are kept as the density says, more of the large ones") {
  RowRanks ranks;
  constexpr std::size_t kCount = 100'000;
  Floats row(kCount);
  for (std::size_t i = 0; i < kCount; ++i)
    row[i] = static_cast<float>(1 + i * 7919 % kCount);
  ranks.keep(random_key(5, "c", 0), 0, row, kCount, 0.25, 0.75);
  double kept = 0;
  double large = 0;
  for (const float value : row) {
    kept += value != 0 ? 1 : 0;
    large += value > kCount / 2.0 ? 1 : 0;
  }
  CHECK(kept / kCount == doctest::Approx(0.5).epsilon(0.02));
  CHECK(large / kCount == doctest::Approx(0.625 / 2).epsilon(0.02));
}

}  // namespace
}  // namespace shardwright
