// A tokenizer.model of sentencepiece, encoded by its own library.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "shardwright/result.h"
#include "tokenizer/token_table.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace shardwright {

class SentencePiece {
 public:
  // kMalformed where the library does not take the bytes.
  static Result<SentencePiece> read(std::string_view bytes);

  // Appends the ids of a text, normalized and cut as the model says.
  Status encode(std::string_view text, std::vector<TokenId>& out) const;

  // Tokens that the model gives to no text: control tokens such as <s>, and what it calls unknown.
  [[nodiscard]] std::vector<std::pair<std::string, TokenId>> control_tokens() const;

 private:
  explicit SentencePiece(std::shared_ptr<const sentencepiece::SentencePieceProcessor> processor)
      : processor_(std::move(processor)) {}

  std::shared_ptr<const sentencepiece::SentencePieceProcessor> processor_;
};

}  // namespace shardwright
