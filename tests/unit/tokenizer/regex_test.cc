#include "tokenizer/regex.h"

#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tokenizer/regex_syntax.h"

namespace shardwright {
namespace {

// The matches of a pattern, with '|' behind each.
std::string matches_of(std::string_view pattern, std::string_view text) {
  const auto regex = Regex::compile(pattern);
  REQUIRE_MESSAGE(regex, (regex ? "" : regex.error().message));
  RegexScan scan(*regex);
  scan.start(text);
  std::string out;
  while (true) {
    const auto match = scan.next();
    REQUIRE(match);
    if (!*match) return out;
    out += std::string((*match)->of(text)) + '|';
  }
}

std::string refused_pattern(std::string_view pattern) {
  const auto regex = Regex::compile(pattern);
  REQUIRE(!regex);
  CHECK(regex.error().code == ErrorCode::kUnsupported);
  return regex.error().message;
}

}  // namespace

TEST_CASE("regex: what both syntaxes read alike") {
  CHECK(matches_of("a|b+", "abbc") == "a|bb|");
  CHECK(matches_of(R"(\p{L}+|\p{N}{1,3})", "ab1234") == "ab|123|4|");
  CHECK(matches_of(R"(\s+(?!\S)|\s+)", "a  b ") == " | | |");
  CHECK(matches_of(R"((?<=a)b|(?<!a)c)", "abcb") == "b|c|");
  CHECK(matches_of("x*", "axb") == "|x||");
}

TEST_CASE("regex: what Oniguruma reads otherwise than PCRE2") {
  CHECK(matches_of("^.", "a\nb") == "a|b|");
  CHECK(matches_of(".$", "a\nb") == "a|b|");
  CHECK(matches_of(R"(\h+)", "xbeefx") == "beef|");
  CHECK(matches_of(R"(\v)", "\n\v") == "\v|");
  CHECK(matches_of("(?m:a.)", "a\n") == "a\n|");
  CHECK(matches_of("(?:a{2}+)", "aaaaa") == "aaaa|");
  CHECK(matches_of("a(?i)b|c", "aBCaC") == "aB|aC|");
  CHECK(matches_of("[a[bc]]+", "xabcx") == "abc|");
  CHECK(matches_of("[a-z&&[^b]]+", "abc") == "a|c|");
  CHECK(matches_of(R"(\s)", "\u180E").empty());
  CHECK(matches_of(R"(\w)", "\u00B2") == "\u00B2|");
  CHECK(matches_of(R"([\w])", "\u00B2").empty());
  CHECK(matches_of(R"(\p{Han}+)", "\u4E2D\u3001") == "\u4E2D|");
  CHECK(matches_of(R"(\p{Lu})", "\u1C89") == "\u1C89|");  // of Unicode 16
}

TEST_CASE("regex: lazy repeats in atomic groups") {
  CHECK(matches_of("(?>[0-9][^a-z]+?.)a", "2024, and") == "4, a|");
  CHECK(matches_of("(?:[0-9][^a-z]+?.)++a", "2024, and") == "2024, a|");
}

TEST_CASE("regex: an unknown construct is named, never guessed") {
  CHECK(refused_pattern(R"(a\K)").find(R"('\K', which is not read here)") != std::string::npos);
  CHECK(refused_pattern(R"((a)\1)").find(R"('\1')") != std::string::npos);
  CHECK(refused_pattern(R"([[:alpha:]])").find("a class by name") != std::string::npos);
  CHECK(refused_pattern(R"(\p{Emoji})").find("the property 'Emoji'") != std::string::npos);
  CHECK(refused_pattern("(?x: a)").find("the group '(?x'") != std::string::npos);
  CHECK(refused_pattern("(?i:ss)").find("may be one character") != std::string::npos);
  CHECK(refused_pattern("(?i)\u00E9").find("not ASCII, without regard to case") !=
        std::string::npos);
  CHECK(refused_pattern(R"((?i)\p{Lu})").find("letters of one case") != std::string::npos);
  CHECK(refused_pattern("[^a-z&&[^b]]").find("'[^' around '&&'") != std::string::npos);
  CHECK(refused_pattern("(?:a*|b){2}").find("what may be empty") != std::string::npos);
  CHECK(refused_pattern("(?:a?(?=b))*").find("what may be empty") != std::string::npos);
  CHECK(matches_of("(?:a*b?)?c", "aabc") == "aabc|");
  CHECK(refused_pattern("a{2}?").find("'{n}?'") != std::string::npos);
  CHECK(refused_pattern("a{2000}").find("more repeats") != std::string::npos);
  CHECK(refused_pattern("(?=a)*").find("no width") != std::string::npos);
  CHECK(refused_pattern(std::string(200, '(')).find("more groups in groups") != std::string::npos);
  for (const char* broken : {"(", ")", "[", "[]", "a**b(", "*", R"(\)", R"(\x{110000})", R"(\p{L)"})
    CHECK(!refused_pattern(broken).empty());
}

TEST_CASE("regex: a pattern that needs too many steps ends in an error") {
  const auto regex = Regex::compile("(?:a+)+[bc]");
  REQUIRE(regex);
  RegexScan scan(*regex);
  const std::string text(60, 'a');
  scan.start(text);
  const auto match = scan.next();
  REQUIRE(!match);
  CHECK(match.error().message.find("match limit exceeded") != std::string::npos);
}

TEST_CASE("regex: a long text needs no long stack") {
  const std::string text(500'000, 'a');
  CHECK(matches_of(R"((?:a|b)+)", text).size() == text.size() + 1);
}

}  // namespace shardwright
