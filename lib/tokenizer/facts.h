// What the tokenizer's files say of token ids, for checks against the embedding. tokenizer.json may
// have 30 MB: it is read with the pull parser, and no tree of it is kept.
//
//   tokenizer.json         {"added_tokens": [{"id": 0, "content": "<s>", "special": true}],
//                           "model": {"type": "BPE", "vocab": {"a": 0}}}      BPE, WordPiece,
//                           WordLevel "model": {"type": "Unigram", "vocab": [["a", -1.5]]}    ids
//                           are positions
//   vocab.json             {"a": 0}: the vocabulary of slow tokenizers
//   tokenizer_config.json  {"added_tokens_decoder": {"0": {"content": "<s>", "special": true}}}
//   added_tokens.json      {"<pad>": 32000}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace shardwright {

struct AddedToken {
  std::uint64_t id{};
  std::string content{};
  std::string file{};
  bool special{};
};

struct TokenizerFacts {
  struct Broken {
    std::string file{};
    std::string error{};  // with line and column
    std::string start{};  // of its text, where it was read: a pointer to the file, perhaps
  };
  static constexpr std::size_t kStartBytes = 64;
  struct Token {
    std::uint64_t id{};
    std::string content{};
    std::string file{};  // that gives it this id
  };

  // "eos_token": a token that tokenizer_config.json names.
  struct Named {
    std::string key{};
    std::string content{};
    std::optional<std::uint64_t> id{};  // that the vocabulary or the added tokens give it
  };

  std::string model_type{};               // "BPE", "WordPiece", "WordLevel", "Unigram"; or empty
  std::vector<Broken> broken{};           // files of the tokenizer that no loader can read
  std::uint64_t vocabulary{};             // entries of the model's vocabulary
  std::optional<Token> vocabulary_top{};  // its largest id
  std::uint64_t added{};                  // entries of added tokens, over all files
  std::optional<Token> added_top{};       // their largest id
  std::uint64_t bad_ids{};                // ids that are no whole numbers of 64 bits from 0
  std::vector<Named> named{};             // each content once
  // In the order of the files and within them; of very many the first.
  std::vector<AddedToken> added_tokens{};
  static constexpr std::size_t kMaxAddedTokens = 4096;

  // The largest id of all: the embedding needs a row for it.
  [[nodiscard]] const Token* top() const;
};

// Each adds what one file says. Errors are in `broken`; forms that are not known are passed over.
// The names of tokens come first: what is read after them is compared with them.
void add_named_tokens(const json::Value& tokenizer_config, TokenizerFacts& facts);
void add_tokenizer_json(std::string_view text, TokenizerFacts& facts);
void add_vocabulary_json(std::string_view text, TokenizerFacts& facts);
void add_tokenizer_config(const json::Value& root, TokenizerFacts& facts);
void add_added_tokens(const json::Value& root, TokenizerFacts& facts);

}  // namespace shardwright
