// What the dense decoders that may go into a mixture compute, where they differ: a row of a table
// for each. What a model holds (biases, norms of queries and keys) its tensors say.
#pragma once

#include <cstdint>
#include <string_view>

#include "forward/rotary.h"

namespace shardwright {

enum class NormKind : std::uint8_t {
  kRms,         // x / sqrt(mean(x^2) + eps) * w
  kRmsOneMore,  // ... * (1 + w)
  kMean,        // (x - mean(x)) / sqrt(variance(x) + eps) * w
};

enum class Block : std::uint8_t {
  kNormsBefore,  // x += attention(norm(x)); x += mlp(norm(x))
  kNormsAfter,   // x += norm(attention(x)); x += norm(mlp(x))
  kParallel,     // x += attention(norm(x)) + mlp(norm(x)), of one norm
};

// Which layers attend to the last `sliding_window` tokens alone.
enum class Windows : std::uint8_t {
  kNone,
  kAll,        // where the config has a window
  kByType,     // those whose `types` (of the rule) say so
  kFromLayer,  // the same; without types those from max_window_layers on. use_sliding_window
};

enum class Attention : std::uint8_t {
  kHeads,
  kLatent,       // queries, and keys and values, of few numbers that are then spread (MLA)
  kConvolution,  // kHeads in some layers, and a short convolution where `types` say conv
};

// Behind "model.layers.N."; weights and biases add ".weight" and ".bias".
struct DecoderNames {
  std::string_view first_norm = "input_layernorm", second_norm = "post_attention_layernorm";
  std::string_view query_norm = "self_attn.q_norm", key_norm = "self_attn.k_norm";
  std::string_view out = "self_attn.o_proj";
  std::string_view gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj";
};

struct DecoderFamily {
  std::string_view schema{};  // of rules/architectures
  std::string_view layout = "hub";
  NormKind norm{};
  std::string_view eps = "rms_norm_eps";  // key of the config
  Block block{};
  Windows windows{};
  Attention attention{};
  bool interleaved{};             // pairs that are rotated stand beside each other
  bool full_rotates = true;       // layers without a window are rotated, too
  bool norm_after_rotation{};     // of queries and keys
  bool root_of_hidden{};          // embeddings are multiplied by the root of their width
  bool multipliers{};             // embedding_multiplier, residual_... and attention_multiplier
  std::string_view activation{};  // whatever the config says
  RotaryHabits rotary{};
  DecoderNames names{};
};

// Null where there is none of that name.
const DecoderFamily* decoder_family(std::string_view schema);

}  // namespace shardwright
