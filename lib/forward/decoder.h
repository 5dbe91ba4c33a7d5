// A dense decoder that a forward pass can go through: what its family, its config and its tensors
// say, looked up and checked once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "arch/expand.h"
#include "checkpoint/checkpoint.h"
#include "forward/family.h"
#include "forward/pointwise.h"
#include "json/value.h"
#include "merge/view.h"
#include "shardwright/result.h"

namespace shardwright {

// y = x w' + b
struct LinearMap {
  const Tensor* weight{};  // [out, in]
  const Tensor* bias{};    // [out], or null
  std::size_t out{}, in{};
};

// Null where a layer has none.
using NormWeight = const Tensor*;

struct DecoderLayer {
  NormWeight first_norm{}, second_norm{};
  bool convolves{};
  bool rotates{};
  std::size_t window{};  // tokens that one attends to, itself among them; 0: all before it

  // Heads. Of a latent: `query` is of what `query_latent` gives, where there is one; `key_value`
  // is of what `key_latent` gives, less its last numbers, which are every head's rotated ones.
  LinearMap query{}, key{}, value{}, out{};
  NormWeight query_norm{}, key_norm{};  // of each head, or of all in one
  LinearMap query_latent{}, key_latent{}, key_value{};
  NormWeight query_latent_norm{}, key_latent_norm{};

  // A short convolution: of three parts that `in` gives, the first times the last goes through the
  // kernel, times the second through `out`.
  LinearMap in{};
  const Tensor* kernel{};       // [hidden, 1, taps]
  const Tensor* kernel_bias{};  // [hidden], or null
  std::size_t taps{};

  LinearMap gate{}, up{}, down{};
};

struct Decoder {
  const DecoderFamily* family{};
  const Tensor* embedding{};  // [vocabulary, hidden]
  std::size_t hidden{};
  std::size_t heads{}, kv{};         // kv divides heads
  std::size_t head{}, head_value{};  // numbers of a query and a key, and of a value
  std::size_t rotated_from{};        // the first number of a head that is rotated
  Rotary rotary{};
  bool interleaved{};  // pairs that are rotated stand beside each other
  double eps{};
  double embedding_factor = 1, residual_factor = 1, score_factor = 1;
  Activation activation{};
  std::vector<DecoderLayer> layers{};  // all but the last, whose output nobody asks for
};

// The decoder that `view` holds, in the layout that its family has. The view, and what it points
// to, must outlive it. kUnsupported for what is not handled, with key and value; kMalformed where a
// tensor that it needs is not as the rule has it.
Result<Decoder> decoder_of(const Expansion& expected, const json::Value& config, const View& view);

// All matrices of a layer; those that it has not are empty.
std::vector<const LinearMap*> maps_of(const DecoderLayer& layer);

// Floats that one token takes while it goes through a layer, beside its state.
std::size_t working_floats(const Decoder& decoder);

// Bytes of all weights of the layers, as they are read.
std::uint64_t layer_bytes(const Decoder& decoder);

}  // namespace shardwright
