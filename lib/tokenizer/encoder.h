// The token ids of a text, as the tokenizers library gives them for a tokenizer.json without its
// special tokens (add_special_tokens=False): normalizer, pre-tokenizer, model, added tokens. What
// the file says of truncation, padding, the post-processor and the decoder is not asked for.
#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "shardwright/result.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/sentence_piece.h"
#include "tokenizer/token_table.h"
#include "tokenizer/unigram.h"
#include "tokenizer/word_piece.h"

namespace shardwright {

using TokenModel = std::variant<Bpe, Unigram, WordPiece, WordLevel, SentencePiece>;

struct Encoder {
  AddedTokens added;             // that are found in the text as it is
  AddedTokens added_normalized;  // that are found in what the normalizer makes of it
  std::vector<Normalizer> normalizer;
  std::vector<PreTokenizer> pre_tokenizer;
  TokenModel model;
};

// kMalformed where the text is no tokenizer.json, kUnsupported where it asks for what is not read
// here: a type, a construct of a pattern; the message names it.
Result<Encoder> read_encoder(std::string_view tokenizer_json);

// The same of a tokenizer.model, whose control tokens are found in a text, and of the tokens that
// other files add to it. What lies between them is encoded as if it stood alone.
Result<Encoder> read_sentence_piece(std::string_view tokenizer_model,
                                    std::vector<AddedRule> added = {});

// The ids of a text, which may be empty. kInvalidArgument where it is not UTF-8; kMalformed where
// the tokenizer has no token for something in it.
Result<std::vector<TokenId>> encode(const Encoder& encoder, std::string_view text);

}  // namespace shardwright
