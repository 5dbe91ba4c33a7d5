// The pieces of a model of sentencepiece (tokenizer.model, spiece.model): a piece's id is its
// place.
#pragma once

#include <string_view>

#include "tokenizer/facts.h"

namespace shardwright {

// Adds what the file called `name` says. Nothing where it does not begin as such a model: files of
// tiktoken have the same name.
void add_piece_list(std::string_view name, std::string_view bytes, TokenizerFacts& facts);

}  // namespace shardwright
