// The pre-tokenizers of a tokenizer.json: how a text is cut into pieces, none of whose tokens reach
// into another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "json/value.h"
#include "shardwright/result.h"
#include "tokenizer/pattern.h"
#include "tokenizer/split.h"

namespace shardwright {

struct TextPiece {
  std::string_view text{};
  std::size_t first_bytes{};  // as in NormalizedText
};

// The pieces of a segment, and the texts that pre-tokenizers made. Pieces look into those, or into
// the text that the list began with.
struct PieceList {
  std::vector<TextPiece> pieces{};
  std::deque<std::string> made{};
  std::size_t made_bytes{};
};

struct ByteLevelSplit {
  bool add_prefix_space{};
  bool use_regex{};
};
enum class PrependScheme : std::uint8_t { kAlways, kFirst, kNever };
struct MetaspaceSplit {
  std::string replacement{};  // one character
  PrependScheme scheme{};
  bool split{};
};
struct PatternSplit {
  Pattern pattern;
  SplitBehavior behavior{};
  bool invert{};
};
struct CharacterSplit {
  bool (*matches)(char32_t){};
  SplitBehavior behavior{};
};
struct WordSplit {};  // runs of word characters, and of others that are no white space
struct LengthSplit {
  std::size_t length{};  // in characters, at least one
};

using PreTokenizer = std::variant<ByteLevelSplit, MetaspaceSplit, PatternSplit, CharacterSplit,
                                  WordSplit, LengthSplit>;

// What `pre_tokenizer` of a tokenizer.json says: none where it is null; those of a sequence in
// order.
Result<std::vector<PreTokenizer>> read_pre_tokenizer(const json::Value& value);

// Cuts every piece of the list further. No piece is empty, before and after.
Status pre_tokenize(const std::vector<PreTokenizer>& pre_tokenizers, PieceList& list);

}  // namespace shardwright
