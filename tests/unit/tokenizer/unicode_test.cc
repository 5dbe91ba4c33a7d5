#include "tokenizer/unicode.h"

#include <string>

#include <doctest/doctest.h>

#include "tokenizer/unicode_changes.h"

namespace shardwright {
namespace {

std::string lowercase_of(char32_t c) {
  std::string out;
  append_lowercase(out, c);
  return out;
}

template <typename Range>
bool in_order(std::span<const Range> rows) {
  char32_t before = 0;
  for (const Range& row : rows) {
    CodeRange range{};
    if constexpr (requires { row.range; }) {
      range = row.range;
    } else {
      range = row;
    }
    if (range.first <= before || range.last < range.first) return false;
    before = range.last;
  }
  return !rows.empty();
}

}  // namespace

TEST_CASE("unicode: classes of characters") {
  CHECK(is_white_space(U' '));
  CHECK(is_white_space(0x85));
  CHECK(is_white_space(0x3000));
  CHECK(!is_white_space(0x180E));
  CHECK(!is_white_space(0x200B));
  CHECK(is_word_character(U'é'));
  CHECK(is_word_character(0x200D));
  CHECK(!is_word_character(0xB2));
  CHECK(is_numeric(0xBD));
  CHECK(is_punctuation(U'$'));
  CHECK(is_punctuation(0x3001));
  CHECK(!is_punctuation(0x20AC));  // the euro is a symbol
  CHECK(!is_punctuation(0x2E52));  // newer than the tables of the library
  CHECK(is_other(0xAD));
  CHECK(!is_other(0x378));  // not assigned
  CHECK(is_combining_mark(0x301));
  CHECK(is_nonspacing_mark(0x301));
  CHECK(!is_nonspacing_mark(0x903));
}

TEST_CASE("unicode: small letters") {
  CHECK(lowercase_of(U'A') == "a");
  CHECK(lowercase_of(0x130) == "i\u0307");
  CHECK(lowercase_of(0x1C89) == "\u1C8A");
  CHECK(lowercase_of(0x16EB8) == "\U00016ED3");
  CHECK(lowercase_of(0x3A3) == "\u03C3");
}

TEST_CASE("unicode: normal forms") {
  const std::string composed = "abc \u00E9 \u1EC7 \uAC01";
  const std::string apart = "abc e\u0301 e\u0323\u0302 \u1100\u1161\u11A8";
  CHECK(to_normal_form(apart, NormalForm::kNfc) == composed);
  CHECK(to_normal_form(composed, NormalForm::kNfd) == apart);
  CHECK(to_normal_form("e\u0302\u0323", NormalForm::kNfd) == "e\u0323\u0302");
  CHECK(to_normal_form("\uFB01\u2460", NormalForm::kNfkc) == "fi1");
  CHECK(to_normal_form("\uFB01", NormalForm::kNfc) == "\uFB01");
  // Newer than the library's tables: passed over.
  CHECK(to_normal_form("a\u32FF\u0301", NormalForm::kNfkc) == "a\u32FF\u0301");
  CHECK(to_normal_form("", NormalForm::kNfc).empty());
}

TEST_CASE("unicode: a long run of marks takes no quadratic time") {
  std::string marks = "a";
  for (int i = 0; i < 200'000; ++i)
    marks += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string sorted = to_normal_form(marks, NormalForm::kNfd);
  CHECK(sorted.size() == marks.size());
  CHECK(sorted.starts_with("a\u0323\u0323"));
}

TEST_CASE("unicode: tables are in order") {
  CHECK(in_order(category_changes()));
  CHECK(in_order(script_changes()));
  CHECK(in_order(lowercase_changes()));
  CHECK(in_order(no_punctuation()));
  CHECK(in_order(no_combining_marks()));
  CHECK(in_order(no_nonspacing_marks()));
  CHECK(in_order(unknown_to_normal_forms()));
}

TEST_CASE("unicode: clusters") {
  ClusterBreaks breaks;
  std::string ends;
  for (const char32_t c : {U'e', char32_t{0x301}, U'x', char32_t{0x1F1E9}, char32_t{0x1F1EA}})
    ends += breaks.before(c) ? '|' : '.';
  CHECK(ends == "|.||.");
}

}  // namespace shardwright
