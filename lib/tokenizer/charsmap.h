// The characters map of sentencepiece (`precompiled_charsmap`): which texts normalization replaces,
// and by what, as a double array and the replacements one behind the other, each ended by a zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shardwright/result.h"

namespace shardwright {

class CharactersMap {
 public:
  // A little-endian size of the double array in bytes, the array, the replacements.
  static Result<CharactersMap> read(std::string_view bytes);
  // The same in base64, as in a tokenizer.json.
  static Result<CharactersMap> read_base64(std::string_view text);

  // What the library makes of a text: grapheme clusters of less than six bytes first, then
  // characters, by the shortest beginning of them that the map has.
  [[nodiscard]] Result<std::string> apply(std::string_view text) const;

  // Whether whoever follows it without looking, as sentencepiece does, stays within it for any
  // text.
  [[nodiscard]] bool is_closed() const;

 private:
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const;
  void append(std::string& out, std::string_view cluster) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace shardwright
