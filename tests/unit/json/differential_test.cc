// The pull parser against nlohmann/json on thousands of damaged texts: both take the same texts,
// and see the same values in them.
#include <cstdlib>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "json/pull.h"
#include "json/value.h"
#include "unit/json/mutate.h"

namespace shardwright::json {
namespace {

// What nlohmann sees, an event a line.
class Events final : public nlohmann::json::json_sax_t {
 public:
  std::string out{};

  bool null() override { return add("null"); }
  bool boolean(bool value) override { return add(value ? "true" : "false"); }
  bool number_integer(std::int64_t value) override {
    return add(fmt::format("number {}", static_cast<double>(value)));
  }
  bool number_unsigned(std::uint64_t value) override {
    return add(fmt::format("number {}", static_cast<double>(value)));
  }
  bool number_float(double value, const std::string& /*text*/) override {
    return add(fmt::format("number {}", 0.0 + value));
  }
  bool string(std::string& value) override { return add("string " + value); }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return add("{"); }
  bool key(std::string& value) override { return add("key " + value); }
  bool end_object() override { return add("}"); }
  bool start_array(std::size_t /*size*/) override { return add("["); }
  bool end_array() override { return add("]"); }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    out = "error";
    return false;
  }

 private:
  bool add(std::string_view event) {
    out += event;
    out += '\n';
    return true;
  }
};

std::string pull_events(std::string_view text, PullOptions options = {}) {
  if (find_invalid_utf8(text) != std::string_view::npos) return "error";
  std::string out;
  PullParser parser(text, options);
  while (true) {
    switch (parser.next()) {
      case Token::kKey:
        out += "key " + decode_string(parser.raw());
        break;
      case Token::kString:
        out += "string " + decode_string(parser.raw());
        break;
      case Token::kNumber:
        // -0 is an integer to nlohmann: without a sign.
        out +=
            fmt::format("number {}", 0.0 + std::strtod(std::string(parser.raw()).c_str(), nullptr));
        break;
      case Token::kEnd:
        return out;
      case Token::kError:
        return "error";
      default:
        out += parser.raw();
    }
    out += '\n';
  }
}

constexpr std::string_view kFragments[] = {  // NOLINT(modernize-avoid-c-arrays)
    "\"",   "\\",       "{",      "}",     "[",      "]",      ",",    ":",      "0",
    "1",    "-",        ".",      "e",     "E",      "+",      "null", "true",   "false",
    "\xFF", "\xC3\xA9", "\\u00",  "\\ud8", "\\udc0", "\\n",    "\\/",  " ",      "\n",
    "\t",   "\x01",     "/**/",   "NaN",   "1e999",  "1e-999", "0.0",  "\"a\":", "\xED\xA0\x80",
    "\x7F", "\\u0000",  "\\u00e9"};

std::string document(Dice& dice, unsigned depth) {
  constexpr std::string_view kScalars[] = {// NOLINT(modernize-avoid-c-arrays)
                                           "0",
                                           "-0",
                                           "12",
                                           "1.5",
                                           "-1e-05",
                                           "18446744073709551616",
                                           "1E+2",
                                           "\"\"",
                                           "\"a b\"",
                                           "\"\\ud83d\\ude00\\u0041\\n\\\"\"",
                                           "\"\xE2\x82\xAC\"",
                                           "true",
                                           "false",
                                           "null"};
  constexpr std::string_view kSpaces[] = {"", "", "", " ", "\r\n", "\t"};  // NOLINT
  const unsigned kind = depth > 3 ? 2 : dice.below(3);
  if (kind == 2) return std::string(dice.pick(kScalars));
  std::string out = kind == 0 ? "{" : "[";
  for (unsigned i = dice.below(4); i > 0; --i) {
    out += dice.pick(kSpaces);
    if (kind == 0)
      out += fmt::format("\"k{}\"{}:{}", dice.below(3), dice.pick(kSpaces), dice.pick(kSpaces));
    out += document(dice, depth + 1);
    out += dice.pick(kSpaces);
    if (i > 1) out += ',';
  }
  return out + (kind == 0 ? '}' : ']');
}

TEST_CASE("json: the pull parser and nlohmann take the same texts and see the same in them") {
  Dice dice(7);
  unsigned accepted = 0;
  constexpr unsigned kTexts = 20'000;
  for (unsigned i = 0; i < kTexts; ++i) {
    const std::string text = mutate(dice, document(dice, 0), kFragments, dice.below(4));
    Events events;
    if (!nlohmann::json::sax_parse(text, &events)) events.out = "error";
    const std::string pulled = pull_events(text);
    CHECK_MESSAGE(pulled == events.out, text);
    const auto parsed = parse(text);
    CHECK_MESSAGE(parsed.has_value() == (pull_events(text, {.non_finite = true}) != "error"), text);
    if (pulled == "error") continue;
    ++accepted;
    REQUIRE(parsed);
    CHECK_MESSAGE(pull_events(dump(parsed->root, dice.pick({-1, 0, 2}))) == pulled, text);
  }
  // The test says something about both kinds of text.
  CHECK(accepted > kTexts / 5);
  CHECK(accepted < kTexts * 4 / 5);
}

TEST_CASE("json: where nlohmann is laxer than JSON, we are not") {
  const std::string nul("[1]\0x", 5);
  CHECK(nlohmann::json::accept(nul));
  CHECK(pull_events(nul) == "error");
  CHECK(nlohmann::json::accept("\xEF\xBB\xBF[1]"));
  CHECK(pull_events("\xEF\xBB\xBF[1]") == "error");
}

}  // namespace
}  // namespace shardwright::json
