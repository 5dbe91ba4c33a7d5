// A vocabulary that writes no ids: a token's id is its place in the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/facts.h"

namespace shardwright {

class ListedTokens {
 public:
  explicit ListedTokens(const TokenizerFacts& facts)
      : named_(&facts.named), ids_(facts.named.size()) {}

  // Of equal tokens the last has the id. The text must outlive the list.
  void add(std::uint64_t id, std::string_view token);
  // The largest id and one more.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // Makes it the vocabulary of `facts`, those it was made for, and `file` the one that says so.
  void settle(std::string_view file, TokenizerFacts& facts) const;

 private:
  const std::vector<TokenizerFacts::Named>* named_;
  std::vector<std::optional<std::uint64_t>> ids_;  // of the named tokens, in their order
  std::uint64_t size_ = 0;
  std::string_view last_;
};

}  // namespace shardwright
