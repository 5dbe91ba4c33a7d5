#include "merge/kept_mask.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

using Floats = std::vector<float>;

// Where chance, so to speak, drops what is no multiple of three.
Floats thinned(std::size_t count, std::size_t seed) {
  Floats values(count);
  for (std::size_t i = 0; i < count; ++i) {
    if ((i * 7 + seed) % 3 == 0) values[i] = static_cast<float>(i + 1);
  }
  return values;
}

TEST_CASE("what was noted of a chunk is what is kept of it later") {
  for (const std::size_t chunk : {1U, 5U, 8U, 64U, 100U}) {
    const std::size_t elements = 3 * chunk + chunk / 2;
    KeptMask mask(elements, chunk, 2);
    std::vector<Floats> lines = {thinned(elements, 0), thinned(elements, 1)};
    lines[1][0] = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t line = 0; line < 2; ++line) {
      for (std::size_t first = 0; first < elements; first += chunk) {
        const std::size_t count = std::min(chunk, elements - first);
        mask.note(line, first, std::span(lines[line]).subspan(first, count));
      }
    }
    for (std::size_t line = 0; line < 2; ++line) {
      for (std::size_t first = 0; first < elements; first += chunk) {
        const std::size_t count = std::min(chunk, elements - first);
        Floats values(count, -2.5F);
        REQUIRE(mask.recall(line, first, values));
        for (std::size_t i = 0; i < count; ++i)
          CHECK((values[i] == -2.5F) == (lines[line][first + i] != 0));
      }
    }
  }
}

TEST_CASE("a mask that finds no room notes nothing, and gives back what it had") {
  constexpr std::uint64_t kHalf = kKeptMaskBytes / 2 * 8;  // elements
  const Floats one = {1};
  Floats values = {5};
  KeptMask too_large(3 * kHalf, 64, 1);
  too_large.note(0, 0, one);
  CHECK_FALSE(too_large.recall(0, 0, values));

  auto first = std::make_unique<KeptMask>(kHalf, 64, 1);
  KeptMask second(kHalf, 64, 1);
  KeptMask third(kHalf, 64, 1);
  KeptMask fourth(kHalf, 64, 1);
  first->note(0, 0, one);
  second.note(0, 0, one);
  third.note(0, 0, one);
  CHECK(first->recall(0, 0, values));
  CHECK(second.recall(0, 0, values));
  CHECK_FALSE(third.recall(0, 0, values));
  first.reset();
  fourth.note(0, 0, one);
  CHECK(fourth.recall(0, 0, values));
}

}  // namespace
}  // namespace shardwright
