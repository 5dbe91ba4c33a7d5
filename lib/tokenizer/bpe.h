// Byte pair encoding: a piece's characters are joined pair by pair, of all pairs that the list of
// merges has always the one that it has first, and of equals the leftmost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shardwright/result.h"
#include "tokenizer/token_table.h"

namespace shardwright {

struct BpeSettings {
  std::optional<std::string> unk_token{};
  std::string continuing_prefix{};  // before every character but the first
  std::string end_suffix{};         // behind the last character
  bool fuse_unk{};                  // neighbouring unknown characters are one token
  bool byte_fallback{};             // an unknown character is the tokens of its bytes
  bool ignore_merges{};             // a piece that is a token is that token
};

class Bpe {
 public:
  using Merge = std::pair<std::string, std::string>;

  // kMalformed where a merge names tokens that the vocabulary does not have.
  static Result<Bpe> make(TokenTable ids, const std::vector<Merge>& merges, BpeSettings settings);

  // Appends the ids of a piece. kMalformed where the token for what is unknown is none itself.
  Status encode(std::string_view piece, std::vector<TokenId>& out) const;

 private:
  struct Rule {
    std::uint64_t pair{kNoPair};
    std::uint32_t rank{};
    TokenId joined{};
  };
  static constexpr std::uint64_t kNoPair = ~std::uint64_t{0};
  struct Unknown {
    TokenId id{};
    std::size_t count{};
  };

  [[nodiscard]] const Rule* find(TokenId left, TokenId right) const;
  void add_rule(const Rule& rule);
  Status add_characters(std::string_view piece, std::vector<TokenId>& symbols) const;
  bool add_bytes(std::string_view text, std::vector<TokenId>& symbols) const;
  void join(const std::vector<TokenId>& symbols, std::vector<TokenId>& out) const;

  TokenTable ids_;
  BpeSettings settings_;
  std::vector<Rule> rules_;          // by a hash of their pairs, with gaps
  std::vector<TokenId> characters_;  // ids of the characters below kDirect; kNoToken where none
  static constexpr char32_t kDirect = 0x800;
  static constexpr TokenId kNoToken = ~TokenId{0};
};

}  // namespace shardwright
