// Attention of tokens to those before them in their sequence.
#pragma once

#include <cstddef>
#include <span>

#include "base/meter.h"

namespace shardwright {

struct AttentionShape {
  std::size_t heads{}, kv{};         // a key's head serves heads / kv of the queries'
  std::size_t head{}, head_value{};  // numbers of a query and a key, and of a value
  double score_factor{};             // of q · k, before the softmax
  std::size_t window{};              // tokens that one attends to, itself among them; 0: no limit
};

// queries [tokens, heads * head], keys [tokens, kv * head], values [tokens, kv * head_value]; gives
// [tokens, heads * head_value]. The sequences stand one after the other. Where the meter, which may
// be null, is stopped, what is left is not computed.
void attend(const AttentionShape& shape, std::span<const std::size_t> lengths,
            std::span<const float> queries, std::span<const float> keys,
            std::span<const float> values, int threads, const Meter* meter, std::span<float> out);

// Floats that one thread needs beside those, for sequences of that length.
std::size_t attention_floats(std::size_t length);

}  // namespace shardwright
