#include "json/value.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright::json {
namespace {

std::string error_of(std::string_view text) {
  const auto document = parse(text);
  if (document) return "no error";
  CHECK(document.error().code == ErrorCode::kMalformed);
  return document.error().message;
}

Value value_of(std::string_view text) {
  auto document = parse(text);
  REQUIRE(document);
  return std::move(*document).root;
}

TEST_CASE("json: values of every kind") {
  const Value root = value_of(
      R"({"a": null, "b": true, "c": -7, "d": 2.5, "e": "x\u00e9\n", "f": [1, []], "g": {"h": {}}})");
  CHECK(root.find("a")->is_null());
  CHECK(*root.find("b")->boolean());
  CHECK(*root.find("c")->integer() == -7);
  CHECK(*root.find("d")->real() == 2.5);
  CHECK(*root.find("e")->string() == "x\xC3\xA9\n");
  CHECK(root.find("f")->array()->size() == 2);
  CHECK(root.find_path("g.h")->object()->empty());
  CHECK(root.find_path("g.h.i") == nullptr);
  CHECK(root.find_path("c.h") == nullptr);
  CHECK(root.find("z") == nullptr);
  CHECK(root.says("b", true));
  CHECK_FALSE(root.says("b", false));
  for (const std::string_view no_flag : {"a", "c", "e", "z"}) {
    CHECK_FALSE(root.says(no_flag, true));
    CHECK_FALSE(root.says(no_flag, false));
  }
  std::vector<std::string_view> kinds;
  for (const Member& member : *root.object())
    kinds.push_back(member.value.kind_name());
  CHECK(kinds == std::vector<std::string_view>{"null", "true", "a number", "a number", "a string",
                                               "a list", "an object"});
}

TEST_CASE("json: integers beyond 64 bits become doubles, and whole doubles are whole numbers") {
  CHECK(*value_of("9223372036854775807").integer() == std::numeric_limits<std::int64_t>::max());
  CHECK(*value_of("-9223372036854775808").integer() == std::numeric_limits<std::int64_t>::min());
  CHECK(*value_of("9223372036854775808").real() == 0x1p63);
  CHECK(*value_of("-9223372036854775809").real() == -0x1p63);
  CHECK(*value_of("18446744073709551616").real() == 0x1p64);
  CHECK(value_of("4.0").whole_number() == 4);
  CHECK(value_of("-4e3").whole_number() == -4000);
  CHECK(!value_of("4.5").whole_number());
  CHECK(!value_of("9223372036854775808").whole_number());
  CHECK(value_of("-9223372036854774784.0").whole_number() == -9223372036854774784);
  CHECK(!value_of("\"4\"").whole_number());
}

TEST_CASE("json: equal keys are pointed at, and the last counts") {
  const auto document = parse(
      R"({"a": 1, "b": {"x/y": 1, "x/y": 2}, "a": 3, "l": [0, {"~": 1, "~": 2, "~": 3}], "a": 4})");
  REQUIRE(document);
  CHECK(document->duplicate_keys ==
        std::vector<std::string>{"/b/x~1y", "/a", "/l/1/~0", "/l/1/~0", "/a"});
  CHECK(*document->root.find("a")->integer() == 4);
  CHECK(*document->root.find("b")->find("x/y")->integer() == 2);
  CHECK(parse(R"({"a": {"a": 1}, "b": {"a": 1}})")->duplicate_keys.empty());
}

TEST_CASE("json: numbers that are not finite are read as Python reads them") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto document = parse(
      R"({"a": [null, Infinity, null, -Infinity, 1e400, -1E+999], "b": "NaN", "NaN": NaN, "c": null, "c": 1})");
  REQUIRE(document);
  CHECK(document->non_finite == 5);
  const Value::Array& list = *document->root.find("a")->array();
  CHECK(list[0].is_null());
  CHECK(list[1].number() == kInfinity);
  CHECK(list[2].is_null());
  CHECK(list[3].number() == -kInfinity);
  CHECK(list[4].number() == kInfinity);
  CHECK(list[5].number() == -kInfinity);
  CHECK(!list[1].whole_number());
  CHECK(*document->root.find("b")->string() == "NaN");
  CHECK(std::isnan(*document->root.find("NaN")->number()));
  CHECK(!document->root.find("NaN")->whole_number());
  CHECK(document->duplicate_keys == std::vector<std::string>{"/c"});
  CHECK(
      dump(document->root) ==
      R"({"a": [null, Infinity, null, -Infinity, Infinity, -Infinity], "b": "NaN", "NaN": NaN, "c": null, "c": 1})");
  CHECK(parse("[-Infinity]")->non_finite == 1);
  CHECK(error_of("[NaN,\n Infinity, Nan]") == "line 2, column 12: expected a value");
  CHECK(error_of("[-NaN]") == "line 1, column 2: expected a value");
  CHECK(error_of("[NaNs]") == "line 1, column 5: expected ',' or ']'");
}

TEST_CASE("json: two values say the same, however they are written") {
  const auto same = [](std::string_view a, std::string_view b) {
    const bool forwards = says_the_same(value_of(a), value_of(b));
    CHECK(forwards == says_the_same(value_of(b), value_of(a)));
    return forwards;
  };
  CHECK(same("1e6", "1000000"));
  CHECK(same(R"({"a": 1, "b": {"c": [1, null]}})", R"({"b": {"c": [1, null]}, "a": 1.0})"));
  CHECK(same("{}", "{}"));
  CHECK(same("[NaN, 1e400]", "[NaN, Infinity]"));
  CHECK_FALSE(same("Infinity", "-Infinity"));
  CHECK_FALSE(same("NaN", "null"));
  CHECK(same("\"x\"", R"("\u0078")"));
  CHECK_FALSE(same("1", "2"));
  CHECK_FALSE(same("1", "\"1\""));
  CHECK_FALSE(same("{}", "[]"));
  CHECK_FALSE(same("[1]", "[1.5]"));
  CHECK_FALSE(same(R"({"a": 1})", R"({"a": 1, "b": 2})"));
  CHECK_FALSE(same(R"({"a": 1, "b": 2})", R"({"a": 1, "c": 2})"));
  CHECK_FALSE(same(R"({"a": {"b": 1}})", R"({"a": {"b": 2}})"));
}

TEST_CASE("json: a byte-order mark is recorded and passed over") {
  const auto document = parse("\xEF\xBB\xBF[1]");
  REQUIRE(document);
  CHECK(document->byte_order_mark);
  CHECK(document->root.array()->size() == 1);
  CHECK(!parse("[1]")->byte_order_mark);
  CHECK(error_of("\xEF\xBB\xBF\xEF\xBB\xBF[1]") == "line 1, column 1: expected a value");
  CHECK(error_of("\xEF\xBB\xBF[1") == "line 1, column 3: the text ends too early");
}

TEST_CASE("json: errors give line and column in plain words") {
  CHECK(error_of("") == "line 1, column 1: the text ends too early");
  CHECK(error_of("{\n  \"a\": 1,\n}") == "line 2, column 9: a comma with nothing after it");
  CHECK(error_of("{\n  \"a\" 1}") == "line 2, column 7: expected ':' after a key");
  CHECK(error_of("[\"\xC3\xA9\xC3\xA9\" 1]") == "line 1, column 7: expected ',' or ']'");
  CHECK(error_of("\"\xFF\"") == "line 1, column 2: bytes that are not UTF-8");
  CHECK(error_of("[1]\n]") == "line 2, column 1: text after the end of the value");
  CHECK(error_of(std::string_view("[1]\0", 4)) ==
        "line 1, column 4: text after the end of the value");
}

TEST_CASE("json: depth is bounded, and hostile depth costs nothing") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(parse(nested(kMaxDepth)));
  CHECK(error_of(nested(kMaxDepth + 1)) ==
        "line 1, column 129: objects and arrays are nested too deep");
  CHECK(error_of(std::string(5'000'000, '[')) ==
        "line 1, column 129: objects and arrays are nested too deep");
}

TEST_CASE("json: what dump writes reads back the same") {
  const std::string text =
      R"({"a": [1, -2.5, 1e-05, 1e+22, 0.1, 3.0, true, null], "é\"\\\u0001\n": {}, "b": []})";
  CHECK(dump(value_of(text)) == text);
  CHECK(dump(value_of(dump(value_of(text), 2))) == text);
  CHECK(dump(value_of(R"({"a": [1, {}], "b": {"c": "x"}})"), 2) ==
        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": \"x\"\n  }\n}");
  CHECK(dump(Value{std::string("é\x7F\u009B\u202E\uFEFF😀")}) ==
        R"("é\u007f\u009b\u202e\ufeff😀")");
  CHECK(dump(Value{std::string("a\xFF\xC3")}) == "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
  CHECK(dump(Value{std::numeric_limits<double>::infinity()}) == "Infinity");
  CHECK(pointer_step("a/b~c") == "a~1b~0c");
}

}  // namespace
}  // namespace shardwright::json
