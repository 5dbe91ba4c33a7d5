// WordPiece: a piece is cut into the longest tokens from the left on. WordLevel: it is one token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shardwright/result.h"
#include "tokenizer/token_table.h"
#include "tokenizer/trie.h"

namespace shardwright {

struct WordPieceSettings {
  std::string unk_token{};
  std::string continuing_prefix{};  // before every token of a piece but the first
  std::uint64_t most_characters{};  // a piece of more is unknown
};

class WordPiece {
 public:
  WordPiece(TokenTable ids, WordPieceSettings settings);

  // Appends the ids of a piece. kMalformed where it is unknown, and `unk_token` is none.
  Status encode(std::string_view piece, std::vector<TokenId>& out) const;

 private:
  TokenTable ids_;
  WordPieceSettings settings_;
  Trie beginnings_;
  Trie continuations_;  // without their prefix
};

struct WordLevel {
  TokenTable ids{};
  std::string unk_token{};

  // The same.
  Status encode(std::string_view piece, std::vector<TokenId>& out) const;
};

}  // namespace shardwright
