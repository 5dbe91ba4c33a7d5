#include "arch/name_pattern.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include <fmt/format.h>

#include "base/utf8.h"

namespace shardwright {

bool fits(std::string_view pattern, std::string_view name) {
  // Greedy, going back only to the last star: linear for one star, quadratic at worst.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

bool fits_end(std::string_view pattern, std::string_view name) {
  while (true) {
    if (fits(pattern, name)) return true;
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return false;
    name.remove_prefix(dot + 1);
  }
}

bool NumberedName::match(std::string_view name, std::span<std::uint64_t> letters) const {
  std::array<bool, kMaxLetters> known{};
  for (const Piece& piece : pieces) {
    if (!name.starts_with(piece.text)) return false;
    name.remove_prefix(piece.text.size());
    if (!piece.letter) break;
    std::uint64_t number = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (failure != std::errc{}) return false;
    const auto digits = static_cast<std::size_t>(end - name.data());
    if (digits > 1 && name[0] == '0') return false;  // no layer is called 007
    if (known[*piece.letter] && letters[*piece.letter] != number) return false;
    known[*piece.letter] = true;
    letters[*piece.letter] = number;
    name.remove_prefix(digits);
  }
  return name.empty();
}

std::string NumberedName::fill(std::span<const std::uint64_t> letters) const {
  std::string name;
  for (const Piece& piece : pieces) {
    name += piece.text;
    if (piece.letter) name += fmt::format_int(letters[*piece.letter]).str();
  }
  return name;
}

Result<NumberedName> parse_numbered_name(std::string_view source,
                                         std::vector<std::string>& letters) {
  NumberedName name{.source = std::string(source)};
  while (true) {
    const std::size_t open = source.find('{');
    name.pieces.push_back({.text = std::string(source.substr(0, open))});
    if (open == std::string_view::npos) break;
    const std::size_t close = source.find('}', open);
    if (close == std::string_view::npos) {
      return Error{ErrorCode::kMalformed, fmt::format("no '}}' in {}", quoted(name.source))};
    }
    const std::string letter(source.substr(open + 1, close - open - 1));
    const auto found = std::ranges::find(letters, letter);
    name.pieces.back().letter = static_cast<std::size_t>(found - letters.begin());
    if (found == letters.end()) letters.push_back(letter);
    if (letters.size() > kMaxLetters) {
      return Error{ErrorCode::kMalformed, "more than 4 letters"};
    }
    source.remove_prefix(close + 1);
  }
  return name;
}

}  // namespace shardwright
