// A pull parser for JSON, for the two large texts (headers and indexes) and for edits.
//
// It gives one token at a time with its place in the text, allocates nothing, keeps no tree and
// hides nothing: whoever asks sees equal keys twice. It takes what RFC 8259 allows and no more,
// which is also what serde_json (the reference reader's parser) takes: no comma before a closing
// bracket, no half of a surrogate pair, no number beyond the range of a double.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"

namespace shardwright::json {

enum class Token : std::uint8_t {
  kBeginObject,
  kEndObject,
  kBeginArray,
  kEndArray,
  kKey,  // the ':' behind it is consumed, too
  kString,
  kNumber,
  kTrue,
  kFalse,
  kNull,
  kEnd,    // of the text
  kError,  // and from then on nothing else
};

struct PullOptions {
  std::size_t max_depth{kMaxDepth};  // at most kMaxDepth
  // As in Python, NaN, Infinity and -Infinity are numbers, and 1e400 is infinite.
  bool non_finite{};
};

struct PullError {
  std::size_t at{};         // offset in the text
  std::string_view what{};  // "expected ':' after a key"
  bool too_deep{};          // valid so far, but deeper than max_depth
};

class PullParser {
 public:
  // `text` must be valid UTF-8 (find_invalid_utf8), and outlive the parser.
  explicit PullParser(std::string_view text, PullOptions options = {});

  // The next token of the text.
  Token next();

  // Passes over the rest of a value: after kKey its value, after kBeginObject and kBeginArray all
  // up to the matching end, after any other token nothing. False where that is an error.
  bool skip();

  // About the token that next() gave last.
  [[nodiscard]] Token token() const { return token_; }
  [[nodiscard]] std::size_t begin() const { return begin_; }  // offsets, with a string's quotes
  [[nodiscard]] std::size_t end() const { return end_; }
  // Its bytes; of keys and strings those between the quotes, with escapes as written.
  [[nodiscard]] std::string_view raw() const;
  [[nodiscard]] bool escaped() const { return escaped_; }  // raw() holds a backslash
  [[nodiscard]] bool non_finite() const;                   // a number beyond doubles, or none
  // The number, where it is written with digits only and fits.
  [[nodiscard]] std::optional<std::uint64_t> unsigned_number() const;

  // How many objects and arrays are open.
  [[nodiscard]] std::size_t depth() const { return depth_; }

  // Why next() gave kError.
  [[nodiscard]] const PullError& error() const { return error_; }

 private:
  enum class State : std::uint8_t { kValue, kFirstMember, kFirstElement, kAfterValue, kDone };

  void skip_space();
  Token value();
  Token key();
  Token open(Token token, char closer, State state);
  Token close(char closer);
  Token literal(Token token, std::string_view word);
  Token number();
  Token give(Token token, std::size_t end);
  Token fail(std::size_t at, std::string_view what);
  bool string();
  bool escape();
  std::optional<std::uint32_t> hex4(std::size_t at) const;
  [[nodiscard]] bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }

  std::string_view text_;
  PullOptions options_;
  std::size_t at_{};
  std::size_t begin_{};
  std::size_t end_{};
  std::size_t depth_{};
  Token token_{Token::kNull};
  State state_{State::kValue};
  bool escaped_{};
  bool non_finite_{};  // where it is a number
  PullError error_{};
  std::array<char, kMaxDepth> closers_{};  // what ends each open object or array
};

// What the value is that begins with this token: "an object", "a list", "null": for messages.
std::string_view token_kind(Token token);

// The text of a string as raw() gives it, escapes decoded. `raw` comes from a PullParser.
std::string decode_string(std::string_view raw);

enum class NonAscii : std::uint8_t {
  kKeep,
  kPrintable,  // only what a terminal would obey is escaped
  kEscape,     // as Python's json writes
};

// "text" as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD.
void append_string(std::string& out, std::string_view text, NonAscii mode = NonAscii::kKeep);

// Where an offset lies, for people: "line 3, column 7". Columns count characters from 1.
std::string place_text(std::string_view text, std::size_t offset);

}  // namespace shardwright::json
