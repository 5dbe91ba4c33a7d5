#include "merge/select.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "merge/select_kernels.h"

namespace shardwright {
namespace {

using Floats = std::vector<float>;

constexpr std::size_t kChunk = 256;

// Indexes from the largest magnitude to the smallest, equal ones as they stand.
std::vector<std::size_t> ordered(const Floats& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return kernel::magnitude_key(values[a]) > kernel::magnitude_key(values[b]);
  });
  return order;
}

template <typename F>
void each_chunk(Floats& values, const F& f) {
  for (std::size_t at = 0; at < values.size(); at += kChunk)
    f(at, std::span(values).subspan(at, std::min(kChunk, values.size() - at)));
}

int run_search(CutSearch& cuts, Floats& values) {
  int passes = 0;
  for (; cuts.counts() > 0; ++passes) {
    std::vector<std::uint64_t> counts(cuts.counts());
    each_chunk(values, [&](std::size_t at, auto chunk) { cuts.gather(at, chunk, counts); });
    cuts.conclude(counts);
  }
  return passes;
}

// To the bit, but for the sign of zero.
bool same_bits(float a, float b) {
  return (a == 0 && b == 0) || std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

// Every element that is kept, and no other, is among the first `rank`.
void check_cut(const Cut& cut, const Floats& values, std::uint64_t rank) {
  Floats inside = values;
  Floats outside = values;
  each_chunk(inside, [&](std::size_t at, auto chunk) { keep_inside(cut, at, chunk); });
  each_chunk(outside, [&](std::size_t at, auto chunk) { keep_outside(cut, at, chunk); });
  const auto order = ordered(values);
  std::size_t wrong = 0;
  for (std::size_t place = 0; place < order.size(); ++place) {
    const std::size_t i = order[place];
    const bool first = place < rank;
    wrong += same_bits(inside[i], first ? values[i] : 0.0F) ? 0U : 1U;
    wrong += same_bits(outside[i], first ? 0.0F : values[i]) ? 0U : 1U;
  }
  CHECK(wrong == 0);
}

Floats normal(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution;
  Floats values(count);
  for (float& value : values)
    value = distribution(random);
  return values;
}

// As differences of bfloat16 numbers are.
Floats coarse(std::size_t count, std::uint32_t seed) {
  Floats values = normal(count, seed);
  for (float& value : values)
    value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & 0xFFFF'0000U);
  return values;
}

void check_all(const Floats& original) {
  Floats values = original;
  const std::uint64_t size = values.size();
  for (const std::uint64_t rank :
       {std::uint64_t{0}, std::uint64_t{1}, size / 100, size / 3, size / 2, size - size / 50,
        size - std::min<std::uint64_t>(size, 1), size, size + 5}) {
    CutSearch cuts(size, kChunk, {rank, rank / 2});
    run_search(cuts, values);
    check_cut(cuts.cut(0), values, rank);
    check_cut(cuts.cut(1), values, rank / 2);
    if (size <= kChunk) check_cut(cut_of(values, rank), values, rank);
  }
}

TEST_CASE("a cut keeps exactly the first by magnitude") {
  for (const std::size_t size : {1U, 2U, 63U, 64U, 65U, 256U, 257U, 20'000U}) {
    check_all(normal(size, 1));
    check_all(coarse(size, 2));
  }
}

TEST_CASE("a cut among equal ones keeps those that stand first") {
  check_all(Floats(5000, 1.5F));
  check_all(Floats(5000, -1.25e-3F));
  check_all(Floats(5000, 1.0F / 3));  // more than sixteen bits
  check_all(Floats(5000, 0.0F));
  check_all(Floats(200, 0.1F));
  Floats few(5000);
  for (std::size_t i = 0; i < few.size(); ++i)
    few[i] = (i % 2 == 0 ? 1.0F : -1.0F) * static_cast<float>(i % 7) / 3;
  check_all(few);
  few[77] = std::numeric_limits<float>::quiet_NaN();
  few[78] = -std::numeric_limits<float>::infinity();
  few[4000] = std::numeric_limits<float>::denorm_min();
  check_all(few);
}

TEST_CASE("passes are as few as the values allow") {
  const auto passes = [](Floats values, std::uint64_t rank) {
    CutSearch cuts(values.size(), kChunk, {rank});
    return run_search(cuts, values);
  };
  CHECK(passes(coarse(20'000, 3), 0) == 1);
  CHECK(passes(coarse(20'000, 3), 20'000) == 1);
  CHECK(passes(Floats(20'000, 0.0F), 10'000) == 1);
  CHECK(passes(coarse(20'000, 3), 10'000) == 2);        // equal ones of sixteen bits
  CHECK(passes(normal(20'000, 3), 10'000) == 2);        // one of that magnitude
  CHECK(passes(Floats(20'000, 1.0F / 3), 7'000) == 3);  // equal ones of more bits
}

TEST_CASE("places are found in more than one step where there are many") {
  // 32,768 bins of two chunks do not tell in which of them it is.
  Floats values(3 * 32'768 / 2 * 2, 1.0F);
  const std::uint64_t rank = values.size() * 2 / 3 + 1;
  CutSearch cuts(values.size(), 1, {rank});
  int passes = 0;
  for (; cuts.counts() > 0; ++passes) {
    std::vector<std::uint64_t> counts(cuts.counts());
    for (std::size_t at = 0; at < values.size(); ++at)
      cuts.gather(at, std::span(values).subspan(at, 1), counts);
    cuts.conclude(counts);
  }
  CHECK(passes == 3);
  CHECK(cuts.cut(0).bound + cuts.cut(0).quota == rank);
}

TEST_CASE("kernels leave no element out") {
  for (std::size_t size = 0; size < 140; ++size) {
    const Floats values = coarse(size, static_cast<std::uint32_t>(size));
    std::vector<std::uint64_t> counts(kernel::kUpperCounts);
    CHECK(kernel::count_upper(values.data(), size, counts.data()) == size);
    CHECK(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}) == size);
    if (size == 0) continue;
    const std::uint32_t key = kernel::magnitude_key(values.back());
    const auto equal = static_cast<std::uint64_t>(std::ranges::count_if(
        values, [&](float value) { return kernel::magnitude_key(value) == key; }));
    CHECK(kernel::count_equal(values.data(), size, key) == equal);
    CHECK(counts[2 * (key >> 16U)] + counts[2 * (key >> 16U) + 1] == equal);
  }
}

}  // namespace
}  // namespace shardwright
