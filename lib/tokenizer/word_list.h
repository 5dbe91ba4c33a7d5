// vocab.txt, the vocabulary of slow WordPiece tokenizers: a token a line, whose id is the number of
// the line, from 0.
#pragma once

#include <string_view>

#include "json/value.h"
#include "tokenizer/facts.h"

namespace shardwright {

// Whether transformers reads vocab.txt so for a model: by the class of tokenizer that
// tokenizer_config.json or config.json names, and where none does by the model_type. Either may be
// null.
bool has_word_list(const json::Value* tokenizer_config, const json::Value* config);

// Adds what vocab.txt says. Nothing where a line holds more than one word: another class's file.
void add_word_list(std::string_view text, TokenizerFacts& facts);

}  // namespace shardwright
