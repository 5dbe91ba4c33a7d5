#include "tokenizer/parts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "json/pull.h"

namespace shardwright {
namespace {

using json::PullParser;

bool opens(json::Token token) {
  return token == json::Token::kBeginObject || token == json::Token::kBeginArray;
}

Error wrong_at(std::string_view text, const PullParser& parser, std::string_view what) {
  if (parser.token() == json::Token::kError) {
    return {ErrorCode::kMalformed,
            fmt::format("{}: {}", json::place_text(text, parser.error().at), parser.error().what)};
  }
  return {ErrorCode::kMalformed,
          fmt::format("{}: {}", json::place_text(text, parser.begin()), what)};
}

double power_of_ten(std::int64_t exponent) {
  const std::string text = fmt::format("1e{}", exponent);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string string_of(const PullParser& parser) {
  return parser.escaped() ? json::decode_string(parser.raw()) : std::string(parser.raw());
}

// A number as serde_json reads it for the library: up to 64 bits of its digits, times or by a power
// of ten. The last bit may differ from the nearest double, and equal sums of scores be unequal.
double serde_number(std::string_view number) {
  const bool negative = number.starts_with('-');
  if (negative) number.remove_prefix(1);
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  std::uint64_t digits = 0;
  std::int64_t exponent = 0;
  bool full = false;  // no digit more fits
  bool fraction = false;
  std::size_t at = 0;
  for (; at < number.size() && number[at] != 'e' && number[at] != 'E'; ++at) {
    if (number[at] == '.') {
      fraction = true;
      continue;
    }
    const auto digit = static_cast<std::uint64_t>(number[at] - '0');
    full = full || digits > kMost / 10 || (digits == kMost / 10 && digit > kMost % 10);
    if (!full) digits = digits * 10 + digit;
    if (fraction != full) exponent += full ? 1 : -1;
  }
  if (at < number.size()) {
    const std::size_t begin = at + (number[at + 1] == '+' ? 2 : 1);
    std::int64_t written = 0;
    const auto parsed =
        std::from_chars(number.data() + begin, number.data() + number.size(), written);
    // What is written is no larger than a double; what is so small is zero.
    if (parsed.ec != std::errc{} || written < -100'000) return 0;
    exponent += written;
  }
  auto value = static_cast<double>(digits);
  constexpr std::int64_t kMostPower = 308;
  while (exponent < -kMostPower && value != 0) {
    value /= 1e308;
    exponent += kMostPower;
  }
  const double power = power_of_ten(std::min(std::abs(exponent), kMostPower));
  value = exponent >= 0 ? value * power : value / power;
  return negative ? -value : value;
}

// The text of the value that follows a key.
Result<std::string_view> value_text(std::string_view text, PullParser& parser) {
  const json::Token token = parser.next();
  const std::size_t begin = parser.begin();
  if (opens(token)) parser.skip();
  if (parser.token() == json::Token::kError) return wrong_at(text, parser, "");
  return text.substr(begin, parser.end() - begin);
}

// Calls use(key, text of its value) for each member of an object; a key that stands twice is an
// error.
template <typename Use>
Status for_each_member(std::string_view text, PullParser& parser, const Use& use) {
  std::set<std::string> seen;
  while (parser.next() == json::Token::kKey) {
    std::string key = string_of(parser);
    SW_TRY(const std::string_view value, value_text(text, parser));
    SW_TRY_OK(use(std::string_view(key), value));
    if (!seen.insert(key).second)
      return wrong_at(text, parser, fmt::format("{} stands twice", quoted(key)));
  }
  if (parser.token() == json::Token::kError) return wrong_at(text, parser, "");
  return ok();
}

Status set_part(json::Value& into, std::string_view text) {
  SW_TRY(json::Document document, json::parse(text));
  into = std::move(document.root);
  return ok();
}

Status read_model_parts(std::string_view text, TokenizerParts& parts) {
  PullParser parser(text);
  if (parser.next() != json::Token::kBeginObject)
    return wrong_at(text, parser, "'model' is no object");
  json::Value::Object settings;
  const auto read = [&](std::string_view key, std::string_view value) -> Status {
    if (key == "vocab") {
      parts.vocab = value;
    } else if (key == "merges") {
      parts.merges = value;
    } else {
      json::Value& setting = settings.emplace_back(json::Member{std::string(key), {}}).value;
      return set_part(setting, value);
    }
    return ok();
  };
  SW_TRY_OK(for_each_member(text, parser, read));
  parts.model.data = std::move(settings);
  return ok();
}

}  // namespace

Result<TokenizerParts> read_parts(std::string_view text) {
  TokenizerParts parts;
  PullParser parser(text);
  if (parser.next() != json::Token::kBeginObject)
    return wrong_at(text, parser, "it is no JSON object");
  bool model = false;
  const auto read = [&](std::string_view key, std::string_view value) -> Status {
    if (key == "added_tokens") return set_part(parts.added_tokens, value);
    if (key == "normalizer") return set_part(parts.normalizer, value);
    if (key == "pre_tokenizer") return set_part(parts.pre_tokenizer, value);
    if (key == "model") {
      model = true;
      return read_model_parts(value, parts);
    }
    constexpr std::array<std::string_view, 5> kPassedOver{"version", "truncation", "padding",
                                                          "post_processor", "decoder"};
    const bool known = std::ranges::find(kPassedOver, key) != kPassedOver.end();
    if (!known || (key == "version" && value != "\"1.0\"")) {
      return Error{ErrorCode::kUnsupported, fmt::format("the part {} ({}) is not read here",
                                                        quoted(key), printable(value, 60))};
    }
    return ok();
  };
  SW_TRY_OK(for_each_member(text, parser, read));
  if (parser.next() != json::Token::kEnd)
    return wrong_at(text, parser, "text after the end of the value");
  if (!model || parts.vocab.empty())
    return Error{ErrorCode::kMalformed, "it has no 'model' with a 'vocab'"};
  return parts;
}

Result<std::vector<std::pair<std::string, std::string>>> read_merges(std::string_view json) {
  std::vector<std::pair<std::string, std::string>> merges;
  PullParser parser(json);
  if (parser.next() != json::Token::kBeginArray)
    return wrong_at(json, parser, "'merges' is no list");
  bool pairs = false;
  for (json::Token token = parser.next(); token != json::Token::kEndArray; token = parser.next()) {
    if (merges.empty()) pairs = token == json::Token::kBeginArray;
    if (pairs && token == json::Token::kBeginArray) {
      std::pair<std::string, std::string> merge;
      if (parser.next() == json::Token::kString) merge.first = string_of(parser);
      if (parser.token() == json::Token::kString && parser.next() == json::Token::kString)
        merge.second = string_of(parser);
      if (parser.token() != json::Token::kString || parser.next() != json::Token::kEndArray)
        return wrong_at(json, parser, "a merge is no pair of two texts");
      merges.push_back(std::move(merge));
    } else if (!pairs && token == json::Token::kString) {
      const std::string merge = string_of(parser);
      if (merge.starts_with("#version")) continue;
      const std::size_t space = merge.find(' ');
      if (space == std::string::npos || merge.find(' ', space + 1) != std::string::npos)
        return wrong_at(json, parser, "a merge is not two texts with a space between");
      merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
    } else {
      return wrong_at(json, parser, "'merges' holds other things than its first");
    }
  }
  return merges;
}

Result<std::vector<std::pair<std::string, double>>> read_scores(std::string_view json) {
  std::vector<std::pair<std::string, double>> scores;
  PullParser parser(json);
  if (parser.next() != json::Token::kBeginArray)
    return wrong_at(json, parser, "'vocab' is no list");
  for (json::Token token = parser.next(); token != json::Token::kEndArray; token = parser.next()) {
    constexpr std::string_view kNoPair = "an entry of 'vocab' is no pair of a text and a number";
    if (token != json::Token::kBeginArray || parser.next() != json::Token::kString)
      return wrong_at(json, parser, kNoPair);
    std::string text = string_of(parser);
    if (parser.next() != json::Token::kNumber) return wrong_at(json, parser, kNoPair);
    const double score = serde_number(parser.raw());
    if (parser.next() != json::Token::kEndArray) return wrong_at(json, parser, kNoPair);
    scores.emplace_back(std::move(text), score);
  }
  return scores;
}

}  // namespace shardwright
