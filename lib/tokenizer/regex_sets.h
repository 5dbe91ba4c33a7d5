// What matches one character, in the words of PCRE2, with the categories and scripts of Oniguruma's
// tables. Private to regex_syntax.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/unicode_changes.h"

namespace shardwright {

// Items of a class. Their complement is always written [^...].
inline constexpr std::string_view kSpaceItems =
    R"(\x09-\x0d\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
inline constexpr std::string_view kHexItems = "0-9a-fA-F";

constexpr bool is_ascii_letter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_ascii_digit(char32_t c) {
  return c >= '0' && c <= '9';
}

// In a class or outside of it.
void append_literal(std::string& out, char32_t c);
void append_range(std::string& out, const CodeRange& range);

// What matches one character: a union of items of a class, and of whole expressions.
struct CharacterSet {
  std::string items{};
  std::vector<std::string> others{};
  bool shared{};  // what several classes share is among them

  [[nodiscard]] bool plain() const { return others.empty(); }
  [[nodiscard]] bool empty() const { return items.empty() && others.empty(); }
  [[nodiscard]] std::string expression() const;
  void add(const CharacterSet& set);
};

CharacterSet complement_of(const CharacterSet& set);
CharacterSet items_set(std::string_view text);
// The category, as Oniguruma's tables have it.
CharacterSet category_set(std::string_view category);
// \w in a class: letters, marks, digits of most kinds, connectors, letters in circles and squares.
CharacterSet word_set();
// Elsewhere Oniguruma's \w takes the superscripts and fractions of Latin-1, too.
CharacterSet word_set_alone();
// \p{name}: a category or a script, `name` without case, spaces, '-' and '_'.
std::optional<CharacterSet> find_property(std::string_view name);

}  // namespace shardwright
