#include "merge/row_ranks.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "merge/select_kernels.h"

namespace shardwright {
namespace {

using Floats = std::vector<float>;

void check_row(RowRanks& ranks, const Floats& row, double least, double most) {
  std::vector<std::uint32_t> chances(row.size());
  ranks.chances(row, least, most, chances);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    double rank = 0;
    for (const float other : row) {
      const auto key = kernel::magnitude_key(row[i]);
      const auto other_key = kernel::magnitude_key(other);
      rank += other_key < key ? 1 : other_key == key ? 0.5 : 0;
    }
    const double share = row.size() == 1 ? 0.5 : (rank - 0.5) / static_cast<double>(row.size() - 1);
    const double chance = least + share * (most - least);
    const double error = std::abs(static_cast<double>(chances[i]) * 0x1p-32 - chance);
    wrong += error > 1e-9 ? 1 : 0;
  }
  CHECK(wrong == 0);
}

TEST_CASE("chances go with the rank; equal magnitudes have the same") {
  RowRanks ranks;
  std::mt19937 random(5);
  std::normal_distribution<float> distribution(0, 1e-3F);
  for (const std::size_t length : {0U, 1U, 2U, 31U, 32U, 33U, 100U, 576U, 4096U}) {
    Floats row(length);
    for (float& value : row)
      value = distribution(random);
    check_row(ranks, row, 0.35, 0.65);
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

TEST_CASE("the mean of the chances of a row is the density") {
  RowRanks ranks;
  Floats row(1000);
  for (std::size_t i = 0; i < row.size(); ++i)
    row[i] = static_cast<float>(i * i % 37);
  std::vector<std::uint32_t> chances(row.size());
  ranks.chances(row, 0.25, 0.75, chances);
  double sum = 0;
  for (const std::uint32_t chance : chances)
    sum += static_cast<double>(chance) * 0x1p-32;
  CHECK(sum / 1000 == doctest::Approx(0.5).epsilon(1e-8));
}

}  // namespace
}  // namespace shardwright
