#include "tokenizer/charsmap.h"

#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

// A map of one entry: "a" to the replacement at `value`.
std::string map_of_a(std::uint32_t value, std::string_view replacements, std::size_t units = 256) {
  std::vector<std::uint32_t> array(units);
  array[0] = 0x80U << 10U;                         // its children lie from 0x80 on
  array[0x80 ^ 'a'] = 1U << 10U | 1U << 8U | 'a';  // a leaf, and where it is
  array[0x80 ^ 'a' ^ 1] = value | 1U << 31U;
  std::string bytes;
  const auto put = [&](std::uint32_t number) {
    for (unsigned shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>(number >> shift & 0xFFU);
  };
  put(static_cast<std::uint32_t>(units * 4));
  for (const std::uint32_t unit : array)
    put(unit);
  return bytes + std::string(replacements);
}

std::string applied(const std::string& bytes, std::string_view text) {
  const auto map = CharactersMap::read(bytes);
  REQUIRE(map);
  const auto out = map->apply(text);
  REQUIRE(out);
  return *out;
}

using namespace std::string_view_literals;

}  // namespace

TEST_CASE("charsmap: texts are replaced, clusters by the shortest beginning that it has") {
  const std::string map = map_of_a(2, "x\0yz\0"sv);
  CHECK(applied(map, "banana") == "byznyznyz");
  CHECK(applied(map, "a\u0301b") == "yzb");
  CHECK(applied(map, "a\u0301\u0301\u0301") == "yz\u0301\u0301\u0301");  // six bytes and more
  CHECK(applied(map, "").empty());
  CHECK(CharactersMap::read(map)->is_closed());
}

TEST_CASE("charsmap: a damaged one is refused, or does nothing where it leads out") {
  CHECK(!CharactersMap::read(""));
  CHECK(!CharactersMap::read("\xFF\xFF\xFF\xFFxx"));
  CHECK(!CharactersMap::read(map_of_a(0, "\xFF")));
  CHECK(!CharactersMap::read_base64("A"));
  CHECK(!CharactersMap::read_base64("AAA*"));
  CHECK(CharactersMap::read_base64("AAAAAA=="));
  for (const std::string& map : {map_of_a(9, "x\0"sv), map_of_a(1, "\u00E9\0"sv)})
    CHECK(applied(map, "a") == "a");
  CHECK(!CharactersMap::read(map_of_a(9, "x\0"sv))->is_closed());
  CHECK(!CharactersMap::read(map_of_a(0, "x"))->is_closed());
  CHECK(!CharactersMap::read(map_of_a(0, "x\0"sv, 0xE2))->is_closed());
  CHECK(applied(map_of_a(0, "x\0"sv, 0xE2), "\xF4\x8F\xBF\xBF") == "\xF4\x8F\xBF\xBF");
}

}  // namespace shardwright
