#include "merge/random.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "merge/random_kernels.h"

namespace shardwright {
namespace {

TEST_CASE("the generator gives its published numbers") {
  using Words = std::array<std::uint32_t, 4>;
  // kat_vectors of the authors' Random123.
  CHECK(philox({0, 0, 0, 0}, {0, 0}) ==
        Words{0x6627'E8D5U, 0xE169'C58DU, 0xBC57'AC4CU, 0x9B00'DBD8U});
  CHECK(philox({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}) ==
        Words{0x408F'276DU, 0x41C8'3B0EU, 0xA20B'C7C6U, 0x6D54'51FDU});
  CHECK(philox({0x243F'6A88U, 0x85A3'08D3U, 0x1319'8A2EU, 0x0370'7344U},
               {0xA409'3822U, 0x299F'31D0U}) ==
        Words{0xD16C'FE09U, 0x94FD'CCEBU, 0x5001'E420U, 0x2412'6EA1U});
}

TEST_CASE("numbers in vectors are those of the generator, wherever a chunk begins") {
  const RandomKey key = random_key(7, "model.norm.weight", 1);
  const std::uint64_t start = (std::uint64_t{1} << 37U) - 300;
  for (const std::size_t shift : {0U, 1U, 44U, 127U, 128U, 300U}) {
    for (const std::size_t count : {0U, 1U, 7U, 128U, 600U}) {
      const std::uint64_t first = start + shift;
      std::vector<std::uint16_t> halves(count);
      kernel::random_upper_halves(key, first, count, halves.data());
      // Chances that the upper half of some number leaves open, and one that none does.
      const std::uint32_t open = random_number(key, first + count / 2);
      for (const std::uint32_t chance : {open, open + 1, 0x7000'0000U}) {
        std::vector<float> values(count, 1.0F);
        keep_chance(key, first, values, chance);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < count; ++i) {
          const std::uint32_t number = random_number(key, first + i);
          wrong += halves[i] != number >> 16U ? 1U : 0U;
          wrong += (values[i] != 0) != (number < chance) ? 1U : 0U;
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("as many happen as the chance says, whatever the key") {
  constexpr std::size_t kCount = 1 << 20;
  std::vector<std::vector<float>> masks;
  for (const double chance : {0.001, 0.3, 0.5, 0.9}) {
    for (const RandomKey& key : {random_key(0, "a", 0), random_key(1, "a", 0),
                                 random_key(0, "b", 0), random_key(0, "a", 1)}) {
      std::vector<float> values(kCount, 1.0F);
      keep_chance(key, 0, values, chance_of(chance));
      double kept = 0;
      double neighbours = 0;
      for (std::size_t i = 0; i < kCount; ++i) {
        kept += values[i];
        if (i > 0) neighbours += values[i] * values[i - 1];
      }
      const double spread = std::sqrt(kCount * chance * (1 - chance));
      CHECK(std::abs(kept - kCount * chance) < 5 * spread);
      CHECK(std::abs(neighbours - kCount * chance * chance) < 6 * spread);
      if (chance == 0.5) masks.push_back(values);
    }
  }
  for (std::size_t a = 0; a < masks.size(); ++a) {  // and no two are alike
    for (std::size_t b = 0; b < a; ++b) {
      double same = 0;
      for (std::size_t i = 0; i < kCount; ++i)
        same += masks[a][i] == masks[b][i] ? 1 : 0;
      CHECK(std::abs(same - kCount / 2.0) < 5 * std::sqrt(kCount / 4.0));
    }
  }
}

TEST_CASE("chances have all bits of a number") {
  CHECK(chance_of(0) == 0);
  CHECK(chance_of(0.5) == 0x8000'0000U);
  CHECK(chance_of(1) == 0xFFFF'FFFFU);
  CHECK(chance_of(-1e-12) == 0);
}

TEST_CASE("torch's numbers are those of MT19937, from any place") {
  const auto numbers = TorchNumbers::of(42);
  CHECK(TorchNumbers::of(42) == numbers);
  constexpr std::size_t kCount = 4'300'000;  // beyond the first state that is kept
  std::mt19937 peer(42);
  std::vector<std::uint32_t> expected(kCount);
  for (std::uint32_t& number : expected)
    number = static_cast<std::uint32_t>(peer());
  const auto check = [&](std::size_t place, std::size_t count) {
    std::vector<std::uint32_t> read(count);
    numbers->read(place, read);
    CHECK(std::equal(read.begin(), read.end(),
                     expected.begin() + static_cast<std::ptrdiff_t>(place)));
  };
  check(4'200'000, 5000);
  check(4'205'000, 5000);
  check(0, 1);
  check(1, 4096);
  check(623, 2);
  check(100'000, 700);
  check(4'199'999, 2);
  check(4'193'280, 624);
}

TEST_CASE("torch's masks") {
  // torch.manual_seed(42); torch.bernoulli(torch.full((12,), 0.3)): 000000100100
  std::vector<std::uint32_t> numbers(12);
  TorchNumbers::of(42)->read(0, numbers);
  std::vector<float> values(12, 1.0F);
  keep_torch(numbers, values, 0.3F);
  CHECK(values == std::vector<float>{0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0});
}

}  // namespace
}  // namespace shardwright
