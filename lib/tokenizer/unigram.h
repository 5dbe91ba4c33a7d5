// Unigram: of all ways to cut a piece into tokens, the one whose scores have the largest sum.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shardwright/result.h"
#include "tokenizer/token_table.h"
#include "tokenizer/trie.h"

namespace shardwright {

class Unigram {
 public:
  using Scored = std::pair<std::string, double>;  // a token, its logarithmic probability

  // Ids are positions. kMalformed where `unk` is none of them.
  static Result<Unigram> make(std::vector<Scored> vocabulary, std::optional<std::uint64_t> unk,
                              bool byte_fallback);

  // Appends the ids of a piece. kMalformed where it has unknown characters and there is no id for
  // them.
  Status encode(std::string_view piece, std::vector<TokenId>& out) const;

 private:
  Status add_token(std::string_view text, std::vector<TokenId>& out) const;

  TokenTable ids_;
  Trie trie_;
  std::vector<double> scores_;
  std::optional<TokenId> unk_;
  double unk_score_{};
  bool byte_fallback_{};
};

}  // namespace shardwright
