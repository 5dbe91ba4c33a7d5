#include "json/pull.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright::json {
namespace {

// The error of a text, as "offset: what", or "ok".
std::string verdict(std::string_view text, PullOptions options = {}) {
  PullParser parser(text, options);
  Token token = parser.next();
  while (token != Token::kEnd && token != Token::kError)
    token = parser.next();
  if (token == Token::kEnd) return "ok";
  CHECK(parser.next() == Token::kError);  // and stays there
  return std::to_string(parser.error().at) + ": " + std::string(parser.error().what);
}

TEST_CASE("json: the pull parser gives tokens with their places") {
  const std::string_view text = R"( {"a\n": [1, -2.5e3], "b" : "x", "c":{ }, "d":null} )";
  struct Seen {
    Token token;
    std::string_view raw;
    std::size_t begin;
    std::size_t end;
    std::size_t depth;
  };
  const std::vector<Seen> expected = {
      {Token::kBeginObject, "{", 1, 2, 1},   {Token::kKey, "a\\n", 2, 7, 1},
      {Token::kBeginArray, "[", 9, 10, 2},   {Token::kNumber, "1", 10, 11, 2},
      {Token::kNumber, "-2.5e3", 13, 19, 2}, {Token::kEndArray, "]", 19, 20, 1},
      {Token::kKey, "b", 22, 25, 1},         {Token::kString, "x", 28, 31, 1},
      {Token::kKey, "c", 33, 36, 1},         {Token::kBeginObject, "{", 37, 38, 2},
      {Token::kEndObject, "}", 39, 40, 1},   {Token::kKey, "d", 42, 45, 1},
      {Token::kNull, "null", 46, 50, 1},     {Token::kEndObject, "}", 50, 51, 0},
      {Token::kEnd, "", 52, 52, 0},
  };
  PullParser parser(text);
  for (const Seen& seen : expected) {
    CHECK(parser.next() == seen.token);
    CHECK(parser.raw() == seen.raw);
    CHECK(parser.begin() == seen.begin);
    CHECK(parser.end() == seen.end);
    CHECK(parser.depth() == seen.depth);
  }
}

TEST_CASE("json: the pull parser refuses what RFC 8259 does not have") {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "0: the text ends too early"},
      {" ", "1: the text ends too early"},
      {"{", "1: the text ends too early"},
      {"{\"a", "3: the text ends too early"},
      {"{\"a\"", "4: the text ends too early"},
      {"{\"a\":", "5: the text ends too early"},
      {"{\"a\":1", "6: the text ends too early"},
      {"[1,", "3: the text ends too early"},
      {"tru", "3: the text ends too early"},
      {"-", "1: the text ends too early"},
      {"\"\\", "1: the text ends too early"},
      {"{1:2}", "1: expected a key in quotes"},
      {"{\"a\" 1}", "5: expected ':' after a key"},
      {"{\"a\":1 \"b\":2}", "7: expected ',' or '}'"},
      {"[1 2]", "3: expected ',' or ']'"},
      {"[1}", "2: expected ',' or ']'"},
      {"{\"a\":1]", "6: expected ',' or '}'"},
      {"[1,]", "2: a comma with nothing after it"},
      {"{\"a\":1,}", "6: a comma with nothing after it"},
      {"[,1]", "1: expected a value"},
      {"[1,,2]", "3: expected a value"},
      {"nul1", "0: expected a value"},
      {"+1", "0: expected a value"},
      {".5", "0: expected a value"},
      {"'a'", "0: expected a value"},
      {"NaN", "0: expected a value"},
      {"-Infinity", "1: expected a digit"},
      {"01", "0: a number with a leading zero"},
      {"-01", "1: a number with a leading zero"},
      {"1.", "2: the text ends too early"},
      {"1.x", "2: expected a digit"},
      {"1e+", "3: the text ends too early"},
      {"1e400", "0: a number beyond the range of a double"},
      {"-0.1e310", "0: a number beyond the range of a double"},
      {"1e99999999999999999999", "0: a number beyond the range of a double"},
      {std::string(400, '9'), "0: a number beyond the range of a double"},
      {"1 2", "2: text after the end of the value"},
      {"{}x", "2: text after the end of the value"},
      {std::string("{}\0", 3), "2: text after the end of the value"},
      {"\"\t\"", "1: a control character inside a string"},
      {std::string("\"a\0\"", 4), "2: a control character inside a string"},
      {"\"\\x\"", "1: an escape that JSON does not have"},
      {"\"\\u12g4\"", "1: \\u without four hexadecimal digits"},
      {"\"\\u+123\"", "1: \\u without four hexadecimal digits"},
      {"\"\\ud800\"", "1: half of a surrogate pair"},
      {"\"\\udc00\\ud800\"", "1: half of a surrogate pair"},
      {"\"\\ud800\\u0041\"", "1: half of a surrogate pair"},
      {"\"\\ud800x\"", "1: half of a surrogate pair"},
      {"/**/1", "0: expected a value"},
  };
  for (const auto& [text, expected] : table)
    CHECK_MESSAGE(verdict(text) == expected, text);
}

TEST_CASE("json: the pull parser takes what RFC 8259 has") {
  for (const std::string text :
       {"0", "-0", "-0.0e-0", "1E5", "1e-400", "0e999999999999999999999", "123.456",
        "1e-99999999999999999999", "1.7976931348623157e308", "0.00001e312", "\"\\/\\b\\f\\u00e9\"",
        "\"\\ud83d\\uDE00\"", "\"\x7F\"", "[[],{},[{}]]", "\r\n\t [ ] ", "{\"\":0,\"\":0}",
        "18446744073709551616"}) {
    CHECK_MESSAGE(verdict(text) == "ok", text);
  }
  CHECK(verdict(std::string(308, '9')) == "ok");
  CHECK(verdict("0." + std::string(1000, '9')) == "ok");
  CHECK(verdict("0." + std::string(400, '0') + "1e5") == "ok");
}

TEST_CASE("json: depth is a limit of the caller") {
  CHECK(verdict("[[1]]", {.max_depth = 2}) == "ok");
  CHECK(verdict("[[[1]]]", {.max_depth = 2}) == "2: objects and arrays are nested too deep");
  CHECK(verdict("1", {.max_depth = 0}) == "ok");
  CHECK(verdict("[]", {.max_depth = 0}) == "0: objects and arrays are nested too deep");
  PullParser parser("[{", {.max_depth = 1});
  parser.next();
  CHECK(!parser.skip());
  CHECK(parser.error().too_deep);
}

TEST_CASE("json: Python's numbers that are none, where they are wanted") {
  const PullOptions lenient = {.non_finite = true};
  CHECK(verdict("[NaN, Infinity, -Infinity, 1e400, -1e400]", lenient) == "ok");
  CHECK(verdict("-NaN", lenient) == "0: expected a value");
  CHECK(verdict("Infinite", lenient) == "0: expected a value");
  CHECK(verdict("-Inf", lenient) == "4: the text ends too early");
  PullParser parser("[1, NaN]", lenient);
  parser.next();
  parser.next();
  CHECK(!parser.non_finite());
  parser.next();
  CHECK(parser.non_finite());
  CHECK(parser.raw() == "NaN");
  PullParser large("[1e400, 1e300]", lenient);
  large.next();
  large.next();
  CHECK(large.non_finite());
  large.next();
  CHECK(!large.non_finite());
}

TEST_CASE("json: skip passes over one value") {
  PullParser parser(R"({"a": {"x": [1, {"y": 2}]}, "b": [[], 3], "c": 4, "d": [5]})");
  parser.next();
  for (const std::string_view key : {"a", "b", "c"}) {
    CHECK(parser.next() == Token::kKey);
    CHECK(parser.raw() == key);
    CHECK(parser.skip());
  }
  CHECK(parser.next() == Token::kKey);
  CHECK(parser.next() == Token::kBeginArray);
  CHECK(parser.skip());
  CHECK(parser.token() == Token::kEndArray);
  CHECK(parser.next() == Token::kEndObject);
  CHECK(parser.next() == Token::kEnd);
  PullParser broken("{\"a\": [1, }");
  broken.next();
  broken.next();
  CHECK(!broken.skip());
}

TEST_CASE("json: unsigned numbers are plain digits that fit") {
  const auto number = [](std::string_view text) {
    PullParser parser(text);
    parser.next();
    return parser.unsigned_number();
  };
  CHECK(number("0") == 0U);
  CHECK(number("18446744073709551615") == 18446744073709551615U);
  CHECK(!number("18446744073709551616"));
  CHECK(!number("-0"));
  CHECK(!number("1.0"));
  CHECK(!number("1e2"));
  CHECK(!number("\"1\""));
}

TEST_CASE("json: strings are decoded and written") {
  CHECK(decode_string(R"(a\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00b)") ==
        std::string("a\"\\/\b\f\n\r\t\0\xC3\xA9\xF0\x9F\x98\x80"
                    "b",
                    17));
  std::string out;
  append_string(out, std::string("a\"\\/\b\f\n\r\t\v\0\x7F\xC3\xA9", 14));
  CHECK(out == "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u000b\\u0000\x7F\xC3\xA9\"");
  out.clear();
  append_string(out, "\x7F\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80~\xFF", NonAscii::kEscape);
  CHECK(out == "\"\\u007f\\u00e9\\u20ac\\ud83d\\ude00~\\ufffd\"");
  CHECK(place_text("ab\nc\xC3\xA9"
                   "d",
                   6) == "line 2, column 3");
  CHECK(place_text("", 0) == "line 1, column 1");
}

}  // namespace
}  // namespace shardwright::json
