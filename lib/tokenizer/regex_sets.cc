#include "tokenizer/regex_sets.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "base/utf8.h"

namespace shardwright {
namespace {

struct PropertyName {
  std::string_view name;  // without case, spaces, '-' and '_'
  std::string_view category;
};

constexpr std::array kCategories = std::to_array<PropertyName>({
    {"c", "C"},   {"other", "C"},
    {"cc", "Cc"}, {"control", "Cc"},
    {"cf", "Cf"}, {"format", "Cf"},
    {"cn", "Cn"}, {"unassigned", "Cn"},
    {"co", "Co"}, {"privateuse", "Co"},
    {"l", "L"},   {"letter", "L"},
    {"ll", "Ll"}, {"lowercaseletter", "Ll"},
    {"lm", "Lm"}, {"modifierletter", "Lm"},
    {"lo", "Lo"}, {"otherletter", "Lo"},
    {"lt", "Lt"}, {"titlecaseletter", "Lt"},
    {"lu", "Lu"}, {"uppercaseletter", "Lu"},
    {"m", "M"},   {"mark", "M"},
    {"mc", "Mc"}, {"spacingmark", "Mc"},
    {"me", "Me"}, {"enclosingmark", "Me"},
    {"mn", "Mn"}, {"nonspacingmark", "Mn"},
    {"n", "N"},   {"number", "N"},
    {"nd", "Nd"}, {"decimalnumber", "Nd"},
    {"nl", "Nl"}, {"letternumber", "Nl"},
    {"no", "No"}, {"othernumber", "No"},
    {"p", "P"},   {"punctuation", "P"},
    {"pc", "Pc"}, {"connectorpunctuation", "Pc"},
    {"pd", "Pd"}, {"dashpunctuation", "Pd"},
    {"pe", "Pe"}, {"closepunctuation", "Pe"},
    {"pf", "Pf"}, {"finalpunctuation", "Pf"},
    {"pi", "Pi"}, {"initialpunctuation", "Pi"},
    {"po", "Po"}, {"otherpunctuation", "Po"},
    {"ps", "Ps"}, {"openpunctuation", "Ps"},
    {"s", "S"},   {"symbol", "S"},
    {"sc", "Sc"}, {"currencysymbol", "Sc"},
    {"sk", "Sk"}, {"modifiersymbol", "Sk"},
    {"sm", "Sm"}, {"mathsymbol", "Sm"},
    {"so", "So"}, {"othersymbol", "So"},
    {"z", "Z"},   {"separator", "Z"},
    {"zl", "Zl"}, {"lineseparator", "Zl"},
    {"zp", "Zp"}, {"paragraphseparator", "Zp"},
    {"zs", "Zs"}, {"spaceseparator", "Zs"},
});

// Scripts whose extent has not changed in the versions that both sides may have, or whose changes
// are known (unicode_changes.h).
constexpr std::array kScripts = std::to_array<PropertyName>({
    {"arabic", "Arabic"},
    {"armenian", "Armenian"},
    {"bengali", "Bengali"},
    {"bopomofo", "Bopomofo"},
    {"cyrillic", "Cyrillic"},
    {"devanagari", "Devanagari"},
    {"ethiopic", "Ethiopic"},
    {"georgian", "Georgian"},
    {"greek", "Greek"},
    {"gujarati", "Gujarati"},
    {"gurmukhi", "Gurmukhi"},
    {"han", "Han"},
    {"hangul", "Hangul"},
    {"hebrew", "Hebrew"},
    {"hiragana", "Hiragana"},
    {"kannada", "Kannada"},
    {"katakana", "Katakana"},
    {"khmer", "Khmer"},
    {"lao", "Lao"},
    {"latin", "Latin"},
    {"malayalam", "Malayalam"},
    {"mongolian", "Mongolian"},
    {"myanmar", "Myanmar"},
    {"oriya", "Oriya"},
    {"sinhala", "Sinhala"},
    {"tamil", "Tamil"},
    {"telugu", "Telugu"},
    {"thai", "Thai"},
    {"tibetan", "Tibetan"},
});

CharacterSet script_set(std::string_view script) {
  CharacterSet set{.items = fmt::format("\\p{{sc:{}}}", script)};
  for (const ScriptChange& change : script_changes()) {
    if (change.script == script) append_range(set.items, change.range);
  }
  return set;
}

}  // namespace

void append_literal(std::string& out, char32_t c) {
  if (is_ascii_letter(c) || is_ascii_digit(c) || c >= 0xA0) {
    append_utf8(out, c);
  } else {
    out += fmt::format("\\x{{{:x}}}", static_cast<std::uint32_t>(c));
  }
}

void append_range(std::string& out, const CodeRange& range) {
  append_literal(out, range.first);
  if (range.last != range.first) {
    out += '-';
    append_literal(out, range.last);
  }
}

std::string CharacterSet::expression() const {
  if (plain()) return fmt::format("[{}]", items);
  if (items.empty() && others.size() == 1) return others.front();
  std::string out = "(?:";
  if (!items.empty()) out += fmt::format("[{}]|", items);
  for (std::size_t i = 0; i < others.size(); ++i)
    out += (i == 0 ? "" : "|") + others[i];
  return out + ')';
}

void CharacterSet::add(const CharacterSet& set) {
  items += set.items;
  others.insert(others.end(), set.others.begin(), set.others.end());
  shared = shared || set.shared;
}

CharacterSet complement_of(const CharacterSet& set) {
  if (set.plain()) return {.others = {fmt::format("[^{}]", set.items)}};
  return {.others = {fmt::format("(?:(?!{})(?s:.))", set.expression())}};
}

CharacterSet items_set(std::string_view text) {
  return {.items = std::string(text)};
}

CharacterSet category_set(std::string_view category) {
  CharacterSet set{.items = fmt::format("\\p{{{}}}", category)};
  std::string gone;
  for (const CategoryChange& change : category_changes()) {
    if (change.category.starts_with(category)) {
      append_range(set.items, change.range);
    } else if (change.before.starts_with(category)) {
      append_range(gone, change.range);
    }
  }
  if (gone.empty()) return set;
  return {.others = {fmt::format("(?:(?![{}]){})", gone, set.expression())}};
}

CharacterSet word_set() {
  CharacterSet set =
      items_set(R"(\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})");
  for (const std::string_view category : {"L", "M", "Nd", "Nl", "Pc"})
    set.add(category_set(category));
  return set;
}

CharacterSet word_set_alone() {
  CharacterSet set = word_set();
  set.add(items_set(R"(\xb2\xb3\xb9\xbc-\xbe)"));
  return set;
}

std::optional<CharacterSet> find_property(std::string_view name) {
  const auto find = [&](const auto& table) {
    const auto* found = std::ranges::find(table, name, &PropertyName::name);
    return found == table.end() ? nullptr : found;
  };
  if (const PropertyName* found = find(kCategories)) return category_set(found->category);
  if (const PropertyName* found = find(kScripts)) return script_set(found->category);
  return std::nullopt;
}

}  // namespace shardwright
