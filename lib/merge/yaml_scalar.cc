#include "merge/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "base/text.h"

namespace shardwright {
namespace {

using Kind = YamlNode::Kind;

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kDigitsAndBars = "0123456789_";
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Walks over a text; each step says whether it found what it wanted.
struct Cursor {
  std::string_view rest;

  bool one_of(std::string_view set) {
    if (rest.empty() || set.find(rest.front()) == std::string_view::npos) return false;
    rest.remove_prefix(1);
    return true;
  }
  bool some_of(std::string_view set) {  // at least one
    if (!one_of(set)) return false;
    while (one_of(set)) {
    }
    return true;
  }
  bool digits(std::size_t least, std::size_t most) {
    std::size_t count = 0;
    while (count < most && one_of(kDigits))
      ++count;
    return count >= least;
  }
  bool word(std::string_view text) {
    if (!rest.starts_with(text)) return false;
    rest.remove_prefix(text.size());
    return true;
  }
  // ":[0-5]?[0-9]", as often as it stands there, at least once
  bool sixtieths() {
    std::size_t count = 0;
    while (rest.size() > 1 && rest[0] == ':' && is_digit(rest[1])) {
      const bool two = rest.size() > 2 && rest[1] <= '5' && is_digit(rest[2]);
      rest.remove_prefix(two ? 3 : 2);
      ++count;
    }
    return count > 0;
  }
  [[nodiscard]] bool done() const { return rest.empty(); }
};

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return text;
}

std::string without_bars(std::string_view text) {
  std::string out(text);
  std::erase(out, '_');
  return out;
}

// The whole text as a double: digits, a point, an exponent. Too large is infinite, too small zero.
std::optional<double> decimal(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  if (last != end || text.empty()) return std::nullopt;
  if (error == std::errc{}) return value;
  if (error != std::errc::result_out_of_range) return std::nullopt;
  const bool small = text.find("e-") != std::string_view::npos ||
                     text.find("E-") != std::string_view::npos || text.starts_with("0.") ||
                     text.starts_with('.');
  return small ? 0.0 : kInfinity;
}

std::optional<double> in_base(std::string_view text, int base) {
  if (text.empty()) return std::nullopt;
  double value = 0;
  for (const char c : text) {
    const int digit = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
    value = value * base + digit;
  }
  return value;
}

// "1:30" is ninety.
std::optional<double> in_sixties(std::string_view text) {
  double value = 0;
  for (const std::string_view part : split(text, ':')) {
    const auto digits = decimal(part);
    if (!digits) return std::nullopt;
    value = value * 60 + *digits;
  }
  return value;
}

struct Form {
  bool fits{};
  std::optional<double> value{};  // none: it fits and has no value, such as "0x_"
};

Form binary(std::string_view text) {
  Cursor at{text};
  if (!at.word("0b") || !at.some_of("01_") || !at.done()) return {};
  return {true, in_base(without_bars(text.substr(2)), 2)};
}

Form octal(std::string_view text) {
  Cursor at{text};
  if (!at.word("0") || !at.some_of("01234567_") || !at.done()) return {};
  return {true, in_base(without_bars(text), 8)};
}

Form hexadecimal(std::string_view text) {
  Cursor at{text};
  if (!at.word("0x") || !at.some_of("0123456789abcdefABCDEF_") || !at.done()) return {};
  return {true, in_base(without_bars(text.substr(2)), 16)};
}

Form whole(std::string_view text) {
  Cursor at{text};
  if (text == "0") return {true, 0.0};
  if (!at.one_of("123456789")) return {};
  at.some_of(kDigitsAndBars);
  if (at.done()) return {true, decimal(without_bars(text))};
  if (!at.sixtieths() || !at.done()) return {};
  return {true, in_sixties(without_bars(text))};
}

bool exponent(Cursor& at) {  // or nothing
  if (at.done()) return true;
  return at.one_of("eE") && at.one_of("+-") && at.some_of(kDigits) && at.done();
}

// "1.", "1.5e+3"; not "1e5" and not "1.5e3", which are text in YAML 1.1.
Form decimal_point(std::string_view text) {
  Cursor at{text};
  if (!at.one_of(kDigits)) return {};
  at.some_of(kDigitsAndBars);
  if (at.word(".")) {
    at.some_of(kDigitsAndBars);
    if (!exponent(at)) return {};
    return {true, decimal(without_bars(text))};
  }
  if (!at.sixtieths() || !at.word(".")) return {};
  at.some_of(kDigitsAndBars);
  if (!at.done()) return {};
  return {true, in_sixties(without_bars(text))};
}

// ".5"; PyYAML takes no sign before it.
Form bare_point(std::string_view text) {
  Cursor at{text};
  if (!at.word(".") || !at.one_of(kDigits)) return {};
  at.some_of(kDigitsAndBars);
  if (!exponent(at)) return {};
  return {true, decimal(without_bars(text))};
}

bool is_date(std::string_view text) {
  Cursor at{text};
  if (!at.digits(4, 4) || !at.word("-") || !at.digits(1, 2) || !at.word("-")) return false;
  if (!at.digits(1, 2)) return false;
  if (at.done()) return text.size() == 10;  // a day alone has two digits everywhere
  if (!at.one_of("Tt") && !at.some_of(" \t")) return false;
  if (!at.digits(1, 2) || !at.word(":") || !at.digits(2, 2) || !at.word(":")) return false;
  if (!at.digits(2, 2)) return false;
  if (at.word(".")) at.some_of(kDigits);
  at.some_of(" \t");
  if (at.done() || at.word("Z")) return at.done();
  if (!at.one_of("+-") || !at.digits(1, 2)) return false;
  return at.done() || (at.word(":") && at.digits(2, 2) && at.done());
}

template <std::size_t N>
bool is_among(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, text) != words.end();
}

constexpr std::array<std::string_view, 9> kTrue = {"yes",  "Yes", "YES", "true", "True",
                                                   "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 9> kFalse = {"no",    "No",  "NO",  "false", "False",
                                                    "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 3> kInfinities = {".inf", ".Inf", ".INF"};
constexpr std::array<std::string_view, 3> kNans = {".nan", ".NaN", ".NAN"};

}  // namespace

void resolve_plain(YamlNode& node) {
  const std::string_view text = node.text;
  const auto is = [&node](Kind kind, double number = 0) {
    node.kind = kind;
    node.number = number;
  };
  if (is_among(text, kNull)) return is(Kind::kNull);
  if (is_among(text, kTrue)) return is(Kind::kFlag, 1);
  if (is_among(text, kFalse)) return is(Kind::kFlag, 0);
  if (text == "<<" || text == "=" || is_date(text)) return is(Kind::kOther);
  if (is_among(text, kNans)) return is(Kind::kNumber, kNan);

  const std::string_view body = without_sign(text);
  const double sign = text.front() == '-' ? -1 : 1;
  if (is_among(body, kInfinities)) return is(Kind::kNumber, sign * kInfinity);
  for (const auto form : {whole, octal, hexadecimal, binary, decimal_point}) {
    if (const Form found = form(body); found.fits) {
      if (!found.value) return is(Kind::kOther);
      return is(form == decimal_point ? Kind::kNumber : Kind::kWhole, sign * *found.value);
    }
  }
  if (const Form found = bare_point(text); found.fits && found.value) {
    return is(Kind::kNumber, *found.value);
  }
  is(Kind::kText);
}

std::optional<double> number_of_text(std::string_view text) {
  text = trim(text);
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return std::nullopt;
    }
  }
  const std::string_view body = without_sign(plain);
  if (body.empty() || body != without_sign(body)) return std::nullopt;
  if (body.find('(') != std::string_view::npos) return std::nullopt;  // "nan(1)"
  const auto value = decimal(body);
  if (!value) return std::nullopt;
  return plain.front() == '-' ? -*value : *value;
}

std::optional<bool> flag_of_text(std::string_view text) {
  std::string word(text.substr(0, 6));
  for (char& c : word)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  constexpr std::array<std::string_view, 6> kYes = {"1", "on", "t", "true", "y", "yes"};
  constexpr std::array<std::string_view, 6> kNo = {"0", "off", "f", "false", "n", "no"};
  if (is_among(word, kYes)) return true;
  if (is_among(word, kNo)) return false;
  return std::nullopt;
}

}  // namespace shardwright
