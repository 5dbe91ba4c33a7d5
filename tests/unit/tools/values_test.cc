#include "tools/values.h"

#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

using Numbers = std::vector<std::uint64_t>;

Numbers numbers_of(const std::string& text) {
  Numbers numbers;
  CHECK(set_numbers(numbers, text));
  return numbers;
}

}  // namespace

TEST_CASE("tools: numbers and ranges, in the order given") {
  CHECK(numbers_of("3") == Numbers{3});
  CHECK(numbers_of("5,0,2-4") == Numbers{5, 0, 2, 3, 4});
  CHECK(numbers_of("7-7,7") == Numbers{7, 7});
  CHECK(numbers_of("999999") == Numbers{999'999});
}

TEST_CASE("tools: what is no list of numbers is refused, however large") {
  for (const char* text : {"x", "3-1", "-1", "1-", "1-2-3", "0x1", "1 2", "+1", "1000000",
                           "0-1000000", "0-18446744073709551615", "99999999999999999999"}) {
    Numbers numbers;
    INFO(text);
    CHECK(!set_numbers(numbers, text));
    CHECK(numbers.empty());
  }
  Numbers numbers;
  CHECK(!set_numbers(numbers, "0-999999,0"));
}

}  // namespace shardwright
