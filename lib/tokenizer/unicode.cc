#include "tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/panic.h"
#include "tokenizer/unicode_changes.h"

namespace shardwright {
namespace {

utf8proc_int32_t code(char32_t c) {
  return static_cast<utf8proc_int32_t>(c);
}

// "Lu": the general category of Unicode 16.
std::string_view category_of(char32_t c) {
  const std::string_view category = utf8proc_category_string(code(c));
  if (category != "Cn" && category != "Mn") return category;
  const auto changes = category_changes();
  const auto change = std::ranges::lower_bound(
      changes, c, {}, [](const CategoryChange& one) { return one.range.last; });
  return change != changes.end() && change->range.first <= c ? change->category : category;
}

bool is_within(char32_t c, char32_t first, char32_t last) {
  return c >= first && c <= last;
}

// Decomposes the text, and puts marks into their canonical order.
std::vector<utf8proc_int32_t> decomposed(std::string_view text, bool compatible) {
  const auto options = static_cast<utf8proc_option_t>(
      UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : utf8proc_option_t{}));
  std::vector<utf8proc_int32_t> out;
  out.reserve(text.size());
  // A run of marks that began here; utf8proc's own sorting takes quadratic time on a long one.
  std::size_t marks = 0;
  const auto mark_class = [](utf8proc_int32_t c) {
    return utf8proc_get_property(c)->combining_class;
  };
  const auto sort_marks = [&] {
    std::stable_sort(
        out.begin() + static_cast<std::ptrdiff_t>(marks), out.end(),
        [&](utf8proc_int32_t a, utf8proc_int32_t b) { return mark_class(a) < mark_class(b); });
  };
  for_each_code_point(text, [&](char32_t c, std::size_t) {
    std::array<utf8proc_int32_t, 32> parts{};
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(code(c), parts.data(), parts.size(), options, nullptr);
    SW_CHECK(count >= 0 && count <= std::ssize(parts));
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      const utf8proc_int32_t part = parts[static_cast<std::size_t>(i)];
      if (mark_class(part) == 0) {
        sort_marks();
        marks = out.size() + 1;
      }
      out.push_back(part);
    }
  });
  sort_marks();
  return out;
}

void append_normal_form(std::string& out, std::string_view text, NormalForm form) {
  const bool compatible = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  std::vector<utf8proc_int32_t> characters = decomposed(text, compatible);
  if (form == NormalForm::kNfc || form == NormalForm::kNfkc) {
    const utf8proc_ssize_t count = utf8proc_normalize_utf32(
        characters.data(), std::ssize(characters),
        static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    SW_CHECK(count >= 0);
    characters.resize(static_cast<std::size_t>(count));
  }
  for (const utf8proc_int32_t c : characters)
    append_utf8(out, static_cast<char32_t>(c));
}

}  // namespace

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || is_within(c, 0x09, 0x0D);
  return c == 0x85 || category_of(c).front() == 'Z';
}

bool is_word_character(char32_t c) {
  const std::string_view category = category_of(c);
  return category.front() == 'L' || category.front() == 'M' || category == "Nd" ||
         category == "Nl" || category == "Pc" || is_within(c, 0x200C, 0x200D) ||
         // Letters in circles and squares.
         is_within(c, 0x24B6, 0x24E9) || is_within(c, 0x1F130, 0x1F149) ||
         is_within(c, 0x1F150, 0x1F169) || is_within(c, 0x1F170, 0x1F189);
}

bool is_numeric(char32_t c) {
  return category_of(c).front() == 'N' || is_within(c, 0x11DE0, 0x11DE9) ||
         is_within(c, 0x16FF4, 0x16FF6);
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) {
    return is_within(c, '!', '/') || is_within(c, ':', '@') || is_within(c, '[', '`') ||
           is_within(c, '{', '~');
  }
  if (category_of(c).front() == 'P') return !is_among(no_punctuation(), c);
  return c == 0x166D || c == 0x111C9;
}

bool is_other(char32_t c) {
  const std::string_view category = category_of(c);
  if (category == "Cf") {
    return !(is_within(c, 0x890, 0x891) || c == 0x8E2 || c == 0x110CD ||
             is_within(c, 0x13430, 0x1343F));
  }
  return category == "Cc" || category == "Co";
}

bool is_nonspacing_mark(char32_t c) {
  if (category_of(c) == "Mn") return !is_among(no_nonspacing_marks(), c);
  return c == 0x1734 || c == 0x1171E;
}

bool is_combining_mark(char32_t c) {
  if (category_of(c).front() == 'M') return !is_among(no_combining_marks(), c);
  return is_within(c, 0x1CF2, 0x1CF3);
}

void append_lowercase(std::string& out, char32_t c) {
  if (c == 0x130) {  // the only one whose small letter is two characters
    out += "i\u0307";
    return;
  }
  const auto changes = lowercase_changes();
  if (c >= changes.front().range.first) {
    for (const LetterChange& change : changes) {
      if (!is_within(c, change.range.first, change.range.last)) continue;
      append_utf8(out, change.first_lower + (c - change.range.first));
      return;
    }
  }
  append_utf8(out, static_cast<char32_t>(utf8proc_tolower(code(c))));
}

bool ClusterBreaks::before(char32_t c) {
  const bool broken = !any_ || utf8proc_grapheme_break_stateful(code(last_), code(c), &state_);
  any_ = true;
  last_ = c;
  return broken;
}

std::string to_normal_form(std::string_view text, NormalForm form) {
  // ASCII stays, but for the last of it: a mark may follow.
  const auto first = std::ranges::find_if(text, [](char c) { return (c & 0x80) != 0; });
  if (first == text.end()) return std::string(text);
  auto plain = static_cast<std::size_t>(first - text.begin());
  if (plain > 0) --plain;
  std::string out(text.substr(0, plain));
  std::size_t begin = plain;
  for_each_code_point(text.substr(plain), [&](char32_t c, std::size_t at) {
    if (c < 0x300 || !is_among(unknown_to_normal_forms(), c)) return;
    at += plain;
    append_normal_form(out, text.substr(begin, at - begin), form);
    append_utf8(out, c);
    begin = at + code_point_at(text, at).length;
  });
  append_normal_form(out, text.substr(begin), form);
  return out;
}

}  // namespace shardwright
