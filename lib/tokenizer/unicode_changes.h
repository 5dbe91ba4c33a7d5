// Where the tables of the tokenizers library's parts, each of its own version of Unicode, differ
// from those of PCRE2 and utf8proc. Found by asking the library (0.23) for each character there is;
// tests/interop does so again.
#pragma once

#include <span>
#include <string_view>

namespace shardwright {

struct CodeRange {
  char32_t first{};
  char32_t last{};
};

// General categories that Oniguruma's tables have (Unicode 16) and those of PCRE2 10.42 (14) and
// utf8proc 2.8 (15) do not all have. Where one of these is newer, it says the same.
struct CategoryChange {
  CodeRange range{};
  std::string_view category{};
  std::string_view before{"Cn"};  // in Unicode 14
};
std::span<const CategoryChange> category_changes();

// The same of scripts.
struct ScriptChange {
  CodeRange range{};
  std::string_view script{};
};
std::span<const ScriptChange> script_changes();

// Small letters that Rust has (Unicode 17) and utf8proc has not.
struct LetterChange {
  CodeRange range{};
  char32_t first_lower{};  // of the range's first; the others follow
};
std::span<const LetterChange> lowercase_changes();

// Punctuation and marks of Unicode 16 that are none for Punctuation and BertPreTokenizer, for
// StripAccents, and for BertNormalizer's strip_accents: these know Unicode 8 or 9.
std::span<const CodeRange> no_punctuation();
std::span<const CodeRange> no_combining_marks();
std::span<const CodeRange> no_nonspacing_marks();

// Characters that NFC and its kin pass over, as they know Unicode 9: neither decomposed, nor
// composed, nor reordered.
std::span<const CodeRange> unknown_to_normal_forms();

// The ranges are in order.
bool is_among(std::span<const CodeRange> ranges, char32_t c);

}  // namespace shardwright
