#include "tokenizer/listed_tokens.h"

#include <cstddef>
#include <string>

namespace shardwright {
namespace {

constexpr std::size_t kMaxToken = 256;  // tokens are short, and those that are not are cut

}  // namespace

void ListedTokens::add(std::uint64_t id, std::string_view token) {
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    if ((*named_)[i].content == token) ids_[i] = id;
  }
  size_ = id + 1;
  last_ = token;
}

void ListedTokens::settle(std::string_view file, TokenizerFacts& facts) const {
  facts.vocabulary = size_;
  facts.vocabulary_top = {.id = size_ - 1,
                          .content = std::string(last_.substr(0, kMaxToken)),
                          .file = std::string(file)};
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    if (ids_[i]) facts.named[i].id = ids_[i];
  }
}

}  // namespace shardwright
