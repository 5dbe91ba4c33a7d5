// Added tokens are found in a text before anything else is done to it, or once it is normalized.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shardwright/result.h"
#include "tokenizer/text_span.h"
#include "tokenizer/token_table.h"
#include "tokenizer/trie.h"

namespace shardwright {

struct AddedRule {
  std::string text{};  // that is looked for
  TokenId id{};
  bool single_word{};  // not within a word
  bool left_strip{};   // takes the white space before it
  bool right_strip{};  // and behind it
};

// A part of a text: an added token, or what lies between.
struct TextSegment {
  TextSpan span{};
  std::optional<TokenId> id{};
};

class AddedTokens {
 public:
  AddedTokens() = default;

  // kUnsupported where the text of a rule is empty, or longer than 64 KiB.
  static Result<AddedTokens> make(std::vector<AddedRule> rules);

  // The segments of a text, none of them empty: of all tokens that begin first the longest.
  void cut(std::string_view text, std::vector<TextSegment>& out) const;

 private:
  std::vector<AddedRule> rules_;
  Trie trie_;  // of their texts, to positions in rules_
  std::array<bool, 256> begins_{};
};

}  // namespace shardwright
