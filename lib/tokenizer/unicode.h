// Properties of characters, as the tokenizers library has them: its parts follow several versions
// of Unicode, and utf8proc one of its own (unicode_changes.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/utf8.h"

namespace shardwright {

struct CodePoint {
  char32_t value{};
  std::size_t length{};  // in bytes
};

// The character that begins at `at`, which lies within `text`: valid UTF-8.
inline CodePoint code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {(lead & 0x1FU) << 6U | (byte(1) & 0x3FU), 2};
  if (lead < 0xF0) return {(lead & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU), 3};
  return {(lead & 0x07U) << 18U | (byte(1) & 0x3FU) << 12U | (byte(2) & 0x3FU) << 6U |
              (byte(3) & 0x3FU),
          4};
}

// The last character of `text`, which is not empty and valid UTF-8.
inline CodePoint last_code_point(std::string_view text) {
  std::size_t at = text.size() - 1;
  while ((static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U)
    --at;
  return code_point_at(text, at);
}

// Calls use(character, offset) for each character of valid UTF-8.
template <typename Use>
void for_each_code_point(std::string_view text, const Use& use) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    use(c.value, at);
    at += c.length;
  }
}

std::size_t count_code_points(std::string_view text);

bool is_white_space(char32_t c);      // White_Space
bool is_word_character(char32_t c);   // \w of Rust's regex
bool is_numeric(char32_t c);          // of any kind: Nd, Nl, No
bool is_punctuation(char32_t c);      // ASCII's and those of Unicode
bool is_other(char32_t c);            // control, format, private use
bool is_nonspacing_mark(char32_t c);  // Mn
bool is_combining_mark(char32_t c);   // Mn, Mc, Me

// Appends the small letters of a character: one, or what its full mapping has.
void append_lowercase(std::string& out, char32_t c);

// Finds the boundaries of extended grapheme clusters, character by character.
class ClusterBreaks {
 public:
  // Whether one lies before `c`; before the first character always.
  bool before(char32_t c);

 private:
  char32_t last_{};
  bool any_{};
  std::int32_t state_{};
};

enum class NormalForm : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };

std::string to_normal_form(std::string_view text, NormalForm form);

}  // namespace shardwright
