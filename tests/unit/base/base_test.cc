#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/checked.h"
#include "base/large_pages.h"
#include "base/parallel.h"
#include "base/text.h"
#include "base/units.h"
#include "base/utf8.h"
#include "support/temp_dir.h"

namespace shardwright {

TEST_CASE("base: arithmetic that would wrap has no value") {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  CHECK(checked_add(kMax, 0) == kMax);
  CHECK(!checked_add(kMax, 1));
  CHECK(checked_mul(1ULL << 32U, 1ULL << 31U) == 1ULL << 63U);
  CHECK(!checked_mul(1ULL << 32U, 1ULL << 32U));
  CHECK(checked_cast<std::uint32_t>(std::int64_t{7}) == 7U);
  CHECK(!checked_cast<std::uint32_t>(std::int64_t{-1}));
}

TEST_CASE("base: invalid UTF-8 is found where it starts") {
  CHECK(find_invalid_utf8("plain ascii, long enough for words") == std::string_view::npos);
  CHECK(find_invalid_utf8("größe 漢字 😀") == std::string_view::npos);
  CHECK(find_invalid_utf8("ab\xff") == 2);
  CHECK(find_invalid_utf8("\xc0\x80") == 0);          // overlong
  CHECK(find_invalid_utf8("a\xed\xa0\x80") == 1);     // surrogate
  CHECK(find_invalid_utf8("\xf4\x90\x80\x80") == 0);  // above U+10FFFF
  CHECK(find_invalid_utf8("12345678\xe2\x82") == 8);  // cut short
}

TEST_CASE("base: names are safe to print") {
  CHECK(quoted("lm_head.weight") == "'lm_head.weight'");
  CHECK(quoted("a\x1b[31m\n") == "'a\\u{1b}[31m\\u{a}'");
  CHECK(quoted("\xff") == "'\\xff'");
  CHECK(printable(std::string(300, 'a'), 10) == "aaaaaaaaaa…");
  CHECK(printable("x\xe2\x80\xae y") == "x\\u{202e} y");  // right-to-left override
}

TEST_CASE("base: names sort as people sort them") {
  CHECK(natural_less("layers.2.w", "layers.10.w"));
  CHECK(!natural_less("layers.10.w", "layers.2.w"));
  CHECK(natural_less("a", "a.b"));
  CHECK(natural_less("7", "07") != natural_less("07", "7"));
}

TEST_CASE("base: sizes") {
  CHECK(parse_size("5GB") == 5'000'000'000U);
  CHECK(parse_size("10 KiB") == 10240U);
  CHECK(parse_size("12") == 12U);
  CHECK(!parse_size("5 apples"));
  CHECK(!parse_size("99999999999TB"));
  CHECK(human_bytes(999) == "999 bytes");
  CHECK(human_bytes(1'234'567) == "1.23 MB");
  CHECK(human_bytes(52'300'000'000) == "52.3 GB");
}

TEST_CASE("base: the nearest word is suggested only when near") {
  constexpr std::array<std::string_view, 3> kWords = {"check", "repair", "inspect"};
  CHECK(nearest("chekc", kWords) == "check");
  CHECK(nearest("repiar", kWords) == "repair");
  CHECK(!nearest("xyzzy", kWords));
}

TEST_CASE("base: digits fold") {
  CHECK(fold_digits("layers.12.mlp.w1") == "layers.#.mlp.w#");
}

TEST_CASE("base: a parallel loop visits every index once") {
  std::array<std::atomic<int>, 1000> seen{};
  parallel_for(seen.size(), 0, [&](std::size_t i) { ++seen.at(i); });
  for (const auto& count : seen)
    CHECK(count == 1);
  CHECK(available_cores() >= 1);
}

TEST_CASE("base: the quota of a cgroup, and of those above it, limits the cores") {
  const test::TempDir dir;
  const auto cores = [&](std::string_view membership) {
    test::write_file(dir.file("self"), membership);
    return cgroup_cores(dir.path(), dir.file("self"));
  };
  CHECK(cores("0::/\n") == 0);
  test::write_file(dir.file("a/b/cpu.max"), "150000 100000\n");
  CHECK(cores("0::/a/b\n") == 2);
  CHECK(cores("2:cpu:/a/b\n0::/a/b\n") == 2);
  CHECK(cores("0::/a\n") == 0);
  test::write_file(dir.file("a/cpu.max"), "max 100000\n");
  CHECK(cores("0::/a/b\n") == 2);
  test::write_file(dir.file("a/cpu.max"), "100000 100000\n");
  CHECK(cores("0::/a/b\n") == 1);
  test::write_file(dir.file("cpu.max"), "10000 100000\n");
  CHECK(cores("") == 1);
  CHECK(cores("0::/gone\n") == 1);
  CHECK(cgroup_cores(dir.file("none"), dir.file("absent")) == 0);
}

TEST_CASE("base: memory that asks for large pages holds what is written to it") {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, 3 * kMiB + 1}) {
    CAPTURE(count);
    std::vector<std::uint64_t> numbers(3, 7);
    reserve_large(numbers, count);
    CHECK(numbers.capacity() >= count);
    CHECK(numbers == std::vector<std::uint64_t>(3, 7));
    numbers.assign(count, count);
    CHECK(std::ranges::count(numbers, count) == static_cast<std::ptrdiff_t>(count));
  }
}

}  // namespace shardwright
