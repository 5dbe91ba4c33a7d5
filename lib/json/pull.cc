#include "json/pull.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/panic.h"

namespace shardwright::json {
namespace {

constexpr std::string_view kTruncated = "the text ends too early";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Offset of the first byte from `at` on that does not stand for itself in a string: a quote, a
// backslash, a control character; the size where there is none. Eight bytes at a time.
std::size_t plain_end(std::string_view text, std::size_t at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHigh = 0x8080808080808080U;
  while (text.size() - at >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    const std::uint64_t quote = word ^ (kOnes * '"');
    const std::uint64_t backslash = word ^ (kOnes * '\\');
    // Borrows run upwards only, so that the lowest marked byte is always a true one.
    const std::uint64_t marked = (((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) |
                                  ((word - kOnes * 0x20) & ~word)) &
                                 kHigh;
    if (marked != 0) return at + static_cast<std::size_t>(std::countr_zero(marked)) / 8;
    at += 8;
  }
  while (at < text.size() && text[at] != '"' && text[at] != '\\' &&
         static_cast<unsigned char>(text[at]) >= 0x20) {
    ++at;
  }
  return at;
}

// Whether a number that follows the grammar is beyond every double. from_chars says the same of
// those that are too small, which are zero.
bool is_too_large(std::string_view number) {
  double value = 0;
  const char* end = number.data() + number.size();
  if (std::from_chars(number.data(), end, value).ec != std::errc::result_out_of_range) return false;
  // The decimal exponent of the first digit that is not zero.
  const std::size_t mark = std::min(number.find_first_of("eE"), number.size());
  const std::string_view mantissa = number.substr(0, mark);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return false;
  std::int64_t exponent = 0;
  if (mark < number.size()) {
    const std::size_t sign = number[mark + 1] == '+' ? 1 : 0;
    const auto parsed = std::from_chars(number.data() + mark + 1 + sign, end, exponent);
    if (parsed.ec == std::errc::result_out_of_range) return number[mark + 1] != '-';
  }
  const auto distance = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  return exponent > -distance;
}

}  // namespace

PullParser::PullParser(std::string_view text, PullOptions options)
    : text_(text), options_(options) {
  SW_CHECK(options.max_depth <= kMaxDepth);
}

Token PullParser::give(Token token, std::size_t end) {
  end_ = at_ = end;
  return token_ = token;
}

Token PullParser::fail(std::size_t at, std::string_view what) {
  error_.at = std::min(at, text_.size());
  error_.what = what;
  begin_ = end_ = at_;
  return token_ = Token::kError;
}

void PullParser::skip_space() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    ++at_;
  }
}

Token PullParser::next() {
  if (token_ == Token::kError) return token_;
  skip_space();
  begin_ = at_;
  switch (state_) {
    case State::kValue:
      return value();
    case State::kFirstMember:
      return at('}') ? close('}') : key();
    case State::kFirstElement:
      return at(']') ? close(']') : value();
    case State::kAfterValue:
      break;
    case State::kDone:
      if (at_ < text_.size()) return fail(at_, "text after the end of the value");
      return give(Token::kEnd, at_);
  }
  const char closer = closers_[depth_ - 1];
  if (at(closer)) return close(closer);
  if (!at(',')) {
    if (at_ == text_.size()) return fail(at_, kTruncated);
    return fail(at_, closer == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
  }
  const std::size_t comma = at_++;
  skip_space();
  begin_ = at_;
  if (at(closer)) return fail(comma, "a comma with nothing after it");
  return closer == '}' ? key() : value();
}

bool PullParser::skip() {
  if (token_ == Token::kKey) next();
  if (token_ == Token::kBeginObject || token_ == Token::kBeginArray) {
    const std::size_t outside = depth_ - 1;
    while (depth_ > outside && next() != Token::kError) {
    }
  }
  return token_ != Token::kError;
}

Token PullParser::key() {
  if (!at('"')) return fail(at_, at_ == text_.size() ? kTruncated : "expected a key in quotes");
  if (!string()) return token_;
  const std::size_t end = at_;
  skip_space();
  if (!at(':')) return fail(at_, at_ == text_.size() ? kTruncated : "expected ':' after a key");
  ++at_;
  end_ = end;
  state_ = State::kValue;
  return token_ = Token::kKey;
}

Token PullParser::value() {
  if (at_ == text_.size()) return fail(at_, kTruncated);
  switch (text_[at_]) {
    case '"':
      if (!string()) return token_;
      state_ = depth_ > 0 ? State::kAfterValue : State::kDone;
      return give(Token::kString, at_);
    case '{':
      return open(Token::kBeginObject, '}', State::kFirstMember);
    case '[':
      return open(Token::kBeginArray, ']', State::kFirstElement);
    case 't':
      return literal(Token::kTrue, "true");
    case 'f':
      return literal(Token::kFalse, "false");
    case 'n':
      return literal(Token::kNull, "null");
    default:
      return number();
  }
}

Token PullParser::open(Token token, char closer, State state) {
  if (depth_ == options_.max_depth) {
    error_.too_deep = true;
    return fail(at_, "objects and arrays are nested too deep");
  }
  closers_[depth_++] = closer;
  state_ = state;
  return give(token, at_ + 1);
}

Token PullParser::close(char closer) {
  --depth_;
  state_ = depth_ > 0 ? State::kAfterValue : State::kDone;
  return give(closer == '}' ? Token::kEndObject : Token::kEndArray, at_ + 1);
}

Token PullParser::literal(Token token, std::string_view word) {
  const std::string_view found = text_.substr(at_, word.size());
  if (found != word) {
    if (word.starts_with(found)) return fail(text_.size(), kTruncated);
    return fail(at_, "expected a value");
  }
  state_ = depth_ > 0 ? State::kAfterValue : State::kDone;
  return give(token, at_ + word.size());
}

Token PullParser::number() {
  std::size_t i = at_;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text_.size() && is_digit(text_[i]))
      ++i;
    return i > from;
  };
  const auto missing = [&] { return fail(i, i == text_.size() ? kTruncated : "expected a digit"); };
  if (text_[i] == '-') ++i;
  const std::size_t integer = i;
  if (options_.non_finite && i < text_.size() && (text_[i] == 'I' || text_[i] == 'N')) {
    const bool is_nan = text_[i] == 'N' && i == at_;
    non_finite_ = true;
    return literal(Token::kNumber, is_nan ? "NaN" : i == at_ ? "Infinity" : "-Infinity");
  }
  if (!digits()) return i == at_ ? fail(at_, "expected a value") : missing();
  if (i - integer > 1 && text_[integer] == '0')
    return fail(integer, "a number with a leading zero");
  const bool is_short = i - integer < 300;
  bool has_exponent = false;
  if (i < text_.size() && text_[i] == '.') {
    ++i;
    if (!digits()) return missing();
  }
  if (i < text_.size() && (text_[i] == 'e' || text_[i] == 'E')) {
    has_exponent = true;
    ++i;
    if (i < text_.size() && (text_[i] == '+' || text_[i] == '-')) ++i;
    if (!digits()) return missing();
  }
  non_finite_ = (has_exponent || !is_short) && is_too_large(text_.substr(at_, i - at_));
  if (non_finite_ && !options_.non_finite)
    return fail(at_, "a number beyond the range of a double");
  state_ = depth_ > 0 ? State::kAfterValue : State::kDone;
  return give(Token::kNumber, i);
}

// From an opening quote past the closing one.
bool PullParser::string() {
  escaped_ = false;
  ++at_;
  while (true) {
    at_ = plain_end(text_, at_);
    if (at_ == text_.size()) {
      fail(at_, kTruncated);
      return false;
    }
    if (text_[at_] == '"') {
      ++at_;
      return true;
    }
    if (text_[at_] != '\\') {
      fail(at_, "a control character inside a string");
      return false;
    }
    escaped_ = true;
    if (!escape()) return false;
  }
}

std::optional<std::uint32_t> PullParser::hex4(std::size_t at) const {
  std::uint32_t code = 0;
  if (text_.size() < at + 4) return std::nullopt;
  const char* begin = text_.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + 4, code, 16);
  if (error != std::errc{} || end != begin + 4) return std::nullopt;
  return code;
}

bool PullParser::escape() {
  const std::size_t start = at_;
  const auto refuse = [&](std::string_view what) {
    fail(start, what);
    return false;
  };
  if (start + 1 >= text_.size()) return refuse(kTruncated);
  const char letter = text_[start + 1];
  at_ = start + 2;
  if (letter != 'u') {
    if (std::string_view("\"\\/bfnrt").find(letter) != std::string_view::npos) return true;
    return refuse("an escape that JSON does not have");
  }
  const auto code = hex4(start + 2);
  if (!code) return refuse("\\u without four hexadecimal digits");
  at_ = start + 6;
  if (*code < 0xD800 || *code > 0xDFFF) return true;
  if (*code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
    const auto low = hex4(start + 8);
    if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
      at_ = start + 12;
      return true;
    }
  }
  return refuse("half of a surrogate pair");
}

std::string_view PullParser::raw() const {
  if (token_ == Token::kKey || token_ == Token::kString) {
    return text_.substr(begin_ + 1, end_ - begin_ - 2);
  }
  return text_.substr(begin_, end_ - begin_);
}

bool PullParser::non_finite() const {
  return token_ == Token::kNumber && non_finite_;
}

std::optional<std::uint64_t> PullParser::unsigned_number() const {
  if (token_ != Token::kNumber) return std::nullopt;
  std::uint64_t number = 0;
  const char* end = text_.data() + end_;
  const auto [last, error] = std::from_chars(text_.data() + begin_, end, number);
  if (error != std::errc{} || last != end) return std::nullopt;
  return number;
}

}  // namespace shardwright::json
