// The header parser against a slow reader of the same format.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "safetensors/header.h"
#include "support/slow_header.h"
#include "unit/json/mutate.h"

namespace shardwright::safetensors {
namespace {

using test::has_its_size;
using test::SlowEntry;
using test::SlowHeader;

std::string print(const SlowEntry& entry) {
  return fmt::format("'{}' {} [{}] {}-{}\n", entry.name, entry.dtype, fmt::join(entry.shape, ","),
                     entry.begin, entry.end);
}

constexpr std::string_view kFragments[] = {  // NOLINT(modernize-avoid-c-arrays)
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "0",
    "1",
    "-",
    ".",
    "e",
    "null",
    "true",
    "\xFF",
    "\xC3\xA9",
    "\\u00e9",
    "\\ud800",
    "\\n",
    " ",
    "\n",
    "\t",
    "99999999999999999999",
    "\"shape\"",
    "\"dtype\":\"F32\",",
    "{\"F32\":null}",
    "NaN",
    "1e999",
    "[0,4]",
    "\"x\":[],",
    "BF16"};

// A header that is nearly always sound, and the bytes of its data.
std::pair<std::string, std::uint64_t> header_text(Dice& dice) {
  std::vector<std::string> members;
  std::uint64_t data = 0;
  for (unsigned i = dice.below(6); i > 0; --i) {
    const auto dtype = static_cast<DType>(dice.below(kDTypeCount));
    Shape shape;
    for (unsigned rank = dice.below(3); rank > 0; --rank)
      shape.push_back(dice.below(4));
    shape.push_back(dice.one_in(20) ? std::uint64_t{1} << 62U : 4 * dice.below(3));
    std::uint64_t begin = data;
    std::uint64_t end = data + size_in_bytes(dtype, shape).value_or(4);
    if (end > 1'000'000) end = begin;
    data = end;
    if (dice.one_in(20)) begin += 1;
    if (dice.one_in(20)) end += 1;
    const std::string name = dice.one_in(4) ? "\\u0061" : fmt::format("t{}", dice.below(20));
    const std::string text = fmt::format("[{}]", fmt::join(shape, ", "));
    members.push_back(
        dice.one_in(10)
            ? fmt::format(R"("{}":["{}",{},[{},{}]])", name, dtype_name(dtype), text, begin, end)
            : fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", name,
                          dtype_name(dtype), text, begin, end));
  }
  if (dice.one_in(3)) members.emplace_back(R"("__metadata__":{"format":"pt"})");
  for (std::size_t i = members.size(); i > 1 && dice.one_in(2); --i)
    std::swap(members[i - 1], members[dice.below(i)]);
  return {fmt::format("{{{}}}", fmt::join(members, ",")), data + (dice.one_in(20) ? 1 : 0)};
}

TEST_CASE("safetensors: the header parser agrees with a slow reader") {
  Dice dice(11);
  unsigned accepted = 0;
  constexpr unsigned kHeaders = 10'000;
  for (unsigned i = 0; i < kHeaders; ++i) {
    const auto [sound, data] = header_text(dice);
    const std::string text = mutate(dice, sound, kFragments, dice.below(3));
    CAPTURE(text);
    CAPTURE(data);
    const SlowHeader slow = test::read_slowly(text, data);
    const Header header = parse_header(text, kPrefixBytes + text.size() + data);
    CHECK(header.usable() == slow.accepted);
    if (slow.accepted) ++accepted;
    // Where nlohmann stops, there is nothing to compare with.
    if (slow.tensors.empty() && !slow.accepted) continue;
    std::string expected;
    for (const SlowEntry& entry : slow.tensors)
      expected += print(entry);
    std::string found;
    for (const TensorEntry& entry : header.tensors) {
      const SlowEntry same{std::string(entry.name), std::string(dtype_name(entry.dtype)),
                           Shape(entry.shape.begin(), entry.shape.end()), entry.begin, entry.end};
      found += print(same);
      CHECK(entry.readable == (has_its_size(same) && entry.end <= data));
    }
    CHECK(found == expected);
  }
  CHECK(accepted > kHeaders / 5);
  CHECK(accepted < kHeaders * 4 / 5);
}

}  // namespace
}  // namespace shardwright::safetensors
