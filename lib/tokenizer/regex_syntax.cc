#include "tokenizer/regex_syntax.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "tokenizer/regex_sets.h"
#include "tokenizer/unicode.h"

namespace shardwright {
namespace {

constexpr int kMostGroups = 50;  // one in another
constexpr unsigned kMostRepeats = 1000;

// What stands before a quantifier.
struct Term {
  bool repeatable{};
  bool empty{};  // may match nothing
};
constexpr Term kCharacterTerm{.repeatable = true, .empty = false};
constexpr Term kNoWidthTerm{.repeatable = false, .empty = true};

class PatternTranslator {
 public:
  explicit PatternTranslator(std::string_view pattern) : text_(pattern) {}

  Result<std::string> run() {
    SW_TRY_OK(alternatives());
    if (!at_end()) return unknown("a ')' too many");
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] bool sees(std::string_view what) const {
    return text_.substr(std::min(at_, text_.size())).starts_with(what);
  }
  bool take(std::string_view what) {
    if (!sees(what)) return false;
    at_ += what.size();
    return true;
  }
  char32_t take_character() {
    const CodePoint c = code_point_at(text_, at_);
    at_ += c.length;
    return c.value;
  }
  [[nodiscard]] Error unknown(std::string_view what) const {
    return {ErrorCode::kUnsupported,
            fmt::format("the pattern {} has {}, which is not read here", quoted(text_), what)};
  }

  // All up to the end of a group, or of the pattern; whether it may match nothing.
  Result<bool> alternatives() {
    if (++depth_ > kMostGroups) return unknown("more groups in groups than are allowed");
    const bool caseless = caseless_;
    const std::size_t isolated = std::exchange(isolated_, 0);
    bool any_empty = false;
    bool empty = true;  // all of this alternative so far
    while (!at_end() && !sees(")")) {
      if (take("|")) {
        out_ += '|';
        before_ = 0;
        any_empty = any_empty || empty;
        empty = true;
        continue;
      }
      const std::size_t begin = out_.size();
      SW_TRY(Term term, atom());
      SW_TRY_OK(quantifiers(begin, term));
      empty = empty && term.empty;
    }
    out_.append(isolated_, ')');
    isolated_ = isolated;
    caseless_ = caseless;
    --depth_;
    return any_empty || empty;
  }

  Result<Term> atom() {
    const char32_t c = take_character();
    switch (c) {
      case '(':
        return group();
      case '[': {
        SW_TRY(const CharacterSet set, character_class());
        return put(set);
      }
      case '.':
        before_ = 0;
        out_ += '.';
        return kCharacterTerm;
      case '^':
        before_ = 0;
        out_ += "(?m:^)";
        return kNoWidthTerm;
      case '$':
        before_ = 0;
        out_ += "(?m:$)";
        return kNoWidthTerm;
      case '\\':
        return escape();
      case '*':
      case '+':
      case '?':
        return unknown("a quantifier with nothing before it");
      default:
        return literal(c);
    }
  }

  Term put(const CharacterSet& set) {
    before_ = 0;
    out_ += set.expression();
    return kCharacterTerm;
  }

  // Without regard to case, Oniguruma takes some pairs of letters for one character, too: ss for
  // sharp s, ff for its ligature.
  Result<Term> literal(char32_t c) {
    if (caseless_) {
      if (c >= 0x80) return unknown("a letter that is not ASCII, without regard to case");
      const auto lower = [](char32_t x) { return x >= 'A' && x <= 'Z' ? x + 32 : x; };
      const char32_t now = lower(c);
      const bool joined = (before_ == 's' && (now == 's' || now == 't')) ||
                          (before_ == 'f' && (now == 'f' || now == 'i' || now == 'l')) ||
                          (before_ == 'i' && now == 'j');
      if (joined) return unknown("letters that may be one character, without regard to case");
      before_ = now;
    }
    append_literal(out_, c);
    return kCharacterTerm;
  }

  Result<Term> group() {
    before_ = 0;
    if (!take("?")) {  // nothing refers to a group, so that none needs to be captured
      out_ += "(?:";
      return group_end(true);
    }
    for (const std::string_view look : {"<=", "<!", "=", "!"}) {
      if (take(look)) {
        out_ += fmt::format("(?{}", look);
        return group_end(false);
      }
    }
    if (take(":")) {
      out_ += "(?:";
      return group_end(true);
    }
    if (take(">")) {
      out_ += "(?>";
      return group_end(true);
    }
    if (take("#")) {
      const std::size_t end = text_.find(')', at_);
      if (end == std::string_view::npos ||
          text_.substr(at_, end - at_).find('\\') != std::string_view::npos)
        return unknown("a comment without its end");
      at_ = end + 1;
      return kNoWidthTerm;
    }
    return options();
  }

  Result<Term> group_end(bool repeatable) {
    SW_TRY(const bool empty, alternatives());
    if (!take(")")) return unknown("a '(' without its ')'");
    out_ += ')';
    before_ = 0;
    return Term{.repeatable = repeatable, .empty = empty || !repeatable};
  }

  // (?i) (?i:...) (?m-i:...)
  Result<Term> options() {
    std::string on;
    std::string off;
    std::string* now = &on;
    bool caseless = caseless_;
    while (!at_end() && !sees(":") && !sees(")")) {
      const char32_t c = take_character();
      if (c == '-' && now == &on) {
        now = &off;
      } else if (c == 'i') {
        *now += 'i';
        caseless = now == &on;
      } else if (c == 'm') {
        *now += 's';
      } else {
        return unknown(fmt::format("the group '(?{}'", printable(text_.substr(at_ - 1, 1))));
      }
    }
    out_ += fmt::format("(?{}{}{}:", on, off.empty() ? "" : "-", off);
    const bool before = std::exchange(caseless_, caseless);
    if (take(")")) {  // up to the end of the group around it
      ++isolated_;
      return kNoWidthTerm;
    }
    if (!take(":")) return unknown("a '(' without its ')'");
    SW_TRY(const Term term, group_end(true));
    caseless_ = before;
    return term;
  }

  Status quantifiers(std::size_t begin, Term& term) {
    for (bool first = true;; first = false) {
      SW_TRY(const Quantifier quantifier, read_quantifier());
      if (quantifier.text.empty()) return ok();
      if (!term.repeatable) return unknown("a quantifier after what has no width");
      // Where a turn matches nothing, the two end the repetition differently.
      if (term.empty && quantifier.most > 1) return unknown("a repetition of what may be empty");
      if (!first) {
        out_.insert(begin, "(?:");
        out_ += ')';
      }
      out_ += quantifier.text;
      term.empty = term.empty || quantifier.least == 0;
      before_ = 0;
    }
  }

  struct Quantifier {
    std::string text{};  // none where there is none
    unsigned least{};
    unsigned most{};
  };

  Result<Quantifier> read_quantifier() {
    for (const std::string_view simple : {"*", "+", "?"}) {
      if (!take(simple)) continue;
      Quantifier found{.text = std::string(simple),
                       .least = simple == "+" ? 1U : 0U,
                       .most = simple == "?" ? 1U : kMostRepeats};
      if (take("?")) {
        found.text += '?';
      } else if (take("+")) {
        found.text += '+';
      }
      return found;
    }
    if (!sees("{")) return Quantifier{};
    const std::size_t begin = at_++;
    const auto low = number();
    const bool comma = take(",");
    const auto high = comma ? number() : low;
    if ((!low && !high) || !take("}")) {  // it stands for itself
      at_ = begin;
      return Quantifier{};
    }
    if (low.value_or(0) > kMostRepeats || high.value_or(0) > kMostRepeats)
      return unknown("more repeats than are allowed");
    if (high && low.value_or(0) > *high) return unknown("an interval that ends before it begins");
    Quantifier found{.least = low.value_or(0), .most = high.value_or(kMostRepeats)};
    found.text = fmt::format("{{{},{}}}", found.least, high ? fmt::format("{}", *high) : "");
    if (sees("?") && !comma) return unknown("'{n}?'");
    if (take("?")) found.text += '?';
    return found;
  }

  std::optional<unsigned> number() {
    if (at_end() || !is_ascii_digit(static_cast<unsigned char>(text_[at_]))) return std::nullopt;
    unsigned value = 0;
    while (!at_end() && is_ascii_digit(static_cast<unsigned char>(text_[at_]))) {
      value = std::min(value * 10 + static_cast<unsigned>(text_[at_] - '0'), kMostRepeats + 1);
      ++at_;
    }
    return value;
  }

  // Behind a backslash: what is a set of characters.
  Result<std::optional<CharacterSet>> set_escape(bool in_class) {
    const std::size_t begin = at_;
    switch (take_character()) {
      case 'd':
        return std::optional(category_set("Nd"));
      case 'D':
        return std::optional(complement_of(category_set("Nd")));
      case 's':
        return std::optional(items_set(kSpaceItems));
      case 'S':
        return std::optional(complement_of(items_set(kSpaceItems)));
      case 'w':
        return std::optional(in_class ? word_set() : word_set_alone());
      case 'W':
        return std::optional(complement_of(in_class ? word_set() : word_set_alone()));
      case 'h':
        return std::optional(items_set(kHexItems));
      case 'H':
        return std::optional(complement_of(items_set(kHexItems)));
      case 'p':
      case 'P':
        return property(text_[at_ - 1] == 'P');
      default:
        at_ = begin;
        return std::optional<CharacterSet>();
    }
  }

  Result<std::optional<CharacterSet>> property(bool negated) {
    const std::size_t end = text_.find('}', at_);
    if (!take("{") || end == std::string_view::npos) return unknown("'\\p' without a name in {}");
    if (take("^")) negated = !negated;
    const std::string_view written = text_.substr(at_, end - at_);
    at_ = end + 1;
    std::string name;
    for (const char c : written) {
      if (c == ' ' || c == '_' || c == '-') continue;
      name += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    if (caseless_ && name.size() > 1 && name.front() == 'l' && name != "lo" && name != "lm")
      return unknown("letters of one case, without regard to case");
    const auto set = find_property(name);
    if (!set) return unknown(fmt::format("the property {}", quoted(written)));
    return std::optional(negated ? complement_of(*set) : *set);
  }

  // Behind a backslash: one character that it stands for.
  Result<char32_t> character_escape() {
    const char32_t c = take_character();
    switch (c) {
      case 'n':
        return U'\n';
      case 't':
        return U'\t';
      case 'r':
        return U'\r';
      case 'f':
        return U'\f';
      case 'v':
        return U'\v';
      case 'a':
        return U'\a';
      case 'e':
        return char32_t{0x1B};
      case 'x':
        if (take("{")) {
          SW_TRY(const char32_t value, hexadecimal(1, 6));
          if (!take("}")) return unknown("'\\x{' without its '}'");
          return value;
        }
        {
          SW_TRY(const char32_t value, hexadecimal(1, 2));
          // Two digits are a byte, which is a character below 80 only.
          if (value >= 0x80) return unknown("a byte that is no ASCII");
          return value;
        }
      case 'u':
        return hexadecimal(4, 4);
      default:
        if (is_ascii_letter(c) || is_ascii_digit(c))
          return unknown(fmt::format("'\\{}'", static_cast<char>(c)));
        return c;
    }
  }

  Result<char32_t> hexadecimal(std::size_t least, std::size_t most) {
    char32_t value = 0;
    std::size_t digits = 0;
    for (; digits < most && !at_end(); ++digits, ++at_) {
      const char c = text_[at_];
      const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      if (!letter && !is_ascii_digit(static_cast<unsigned char>(c))) break;
      value = value * 16 + static_cast<char32_t>(letter ? (c | 0x20) - 'a' + 10 : c - '0');
    }
    if (digits < least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
      return unknown("a code that is no character");
    return value;
  }

  Result<Term> escape() {
    if (at_end()) return unknown("a backslash at its end");
    SW_TRY(const auto set, set_escape(false));
    if (set) return put(*set);
    if (take("b") || take("B")) {
      const bool inverse = text_[at_ - 1] == 'B';
      const std::string word = word_set_alone().expression();
      const std::string_view same = inverse ? "=" : "!";
      const std::string_view other = inverse ? "!" : "=";
      out_ += fmt::format("(?:(?<={0})(?{1}{0})|(?<!{0})(?{2}{0}))", word, same, other);
      before_ = 0;
      return kNoWidthTerm;
    }
    for (const char anchor : {'A', 'z', 'Z'}) {
      if (!take({&anchor, 1})) continue;
      out_ += fmt::format("\\{}", anchor);
      before_ = 0;
      return kNoWidthTerm;
    }
    SW_TRY(const char32_t c, character_escape());
    return literal(c);
  }

  // Behind its '['.
  Result<CharacterSet> character_class() {
    if (++depth_ > kMostGroups) return unknown("more classes in classes than are allowed");
    const bool negated = take("^");
    if (sees("]")) return unknown("a class that begins with ']'");
    std::vector<CharacterSet> operands(1);
    while (!take("]")) {
      if (at_end()) return unknown("a '[' without its ']'");
      if (take("&&")) {
        operands.emplace_back();
        continue;
      }
      SW_TRY_OK(class_item(operands.back()));
    }
    --depth_;
    for (const CharacterSet& operand : operands) {
      if (operand.empty()) return unknown("an empty class");
    }
    CharacterSet set = std::move(operands.front());
    if (operands.size() > 1) {
      std::string all = "(?:";
      for (std::size_t i = 1; i < operands.size(); ++i)
        all += fmt::format("(?={})", operands[i].expression());
      set = {.others = {all + set.expression() + ')'}, .shared = true};
    }
    if (!negated) return set;
    // Oniguruma loses characters of some of these.
    if (set.shared) return unknown("a '[^' around '&&'");
    return complement_of(set);
  }

  Status class_item(CharacterSet& set) {
    if (sees("[:")) return unknown("a class by name, such as [:alpha:]");
    if (take("[")) {
      SW_TRY(const CharacterSet inner, character_class());
      set.add(inner);
      return ok();
    }
    if (take("\\")) {
      if (at_end()) return unknown("a backslash at its end");
      SW_TRY(const auto escaped, set_escape(true));
      if (escaped) {
        set.add(*escaped);
        if (sees("-") && !sees("-]")) return unknown("a '-' after a set of characters");
        return ok();
      }
      --at_;
    }
    SW_TRY(const char32_t first, class_character());
    char32_t last = first;
    if (sees("-") && !sees("-]")) {
      if (first == '-' || sees("-[") || sees("-&&")) return unknown("a '-' that may be a range");
      ++at_;
      SW_TRY(last, class_character());
      if (last < first) return unknown("a range that ends before it begins");
    }
    if (caseless_ && last >= 0x80)
      return unknown("a letter that is not ASCII, without regard to case");
    append_range(set.items, {first, last});
    return ok();
  }

  Result<char32_t> class_character() {
    if (at_end()) return unknown("a '[' without its ']'");
    const char32_t c = take_character();
    if (c != '\\') return c;
    if (at_end()) return unknown("a backslash at its end");
    return character_escape();
  }

  std::string_view text_;
  std::size_t at_{};
  std::string out_;
  int depth_{};
  bool caseless_{};
  std::size_t isolated_{};  // options without a group of their own, which end with this one
  char32_t before_{};       // the letter before, in a row of letters without regard to case
};

}  // namespace

Result<std::string> to_pcre2(std::string_view pattern) {
  return PatternTranslator(pattern).run();
}

}  // namespace shardwright
