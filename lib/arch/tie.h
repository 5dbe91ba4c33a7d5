// Whether the config ties the head to the embedding.
//
// Source: transformers 5.23.0 asks `config.tie_word_embeddings` of the whole model; some classes
// (qwen2_5_vl, llava) copy a true one from text_config there, and llama4 asks text_config alone.
#pragma once

#include "arch/config_values.h"

namespace shardwright {

TieFlag read_tie(const TiedRule& rule, ConfigValues& values);

}  // namespace shardwright
