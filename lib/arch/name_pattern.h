// Names with holes: `*` in rules, and `{letter}` where a number stands.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shardwright/result.h"

namespace shardwright {

// Whether the pattern fits the whole name; `*` stands for any letters, also none.
bool fits(std::string_view pattern, std::string_view name);

// Whether it fits the whole name, or an end of it after a dot.
bool fits_end(std::string_view pattern, std::string_view name);

// "model.layers.{layer}.mlp.experts.{expert}.w1.weight" as layouts use it: each letter stands for a
// number. A letter that stands twice must be the same number.
struct NumberedName {
  struct Piece {
    std::string text{};                   // before the number
    std::optional<std::size_t> letter{};  // position in the letters of match(); none at the end
  };
  std::string source{};
  std::vector<Piece> pieces{};

  // The numbers of the letters where the name fits.
  [[nodiscard]] bool match(std::string_view name, std::span<std::uint64_t> letters) const;
  [[nodiscard]] std::string fill(std::span<const std::uint64_t> letters) const;
};

// `letters` gathers the names of the letters: one list for all names of one change.
Result<NumberedName> parse_numbered_name(std::string_view source,
                                         std::vector<std::string>& letters);

inline constexpr std::size_t kMaxLetters = 4;

}  // namespace shardwright
