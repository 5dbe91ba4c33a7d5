// Layers whose numbers are at or beyond the config's count. Some rules let such layers be: they
// predict a further token (multi-token prediction, MTP), and stand behind the layers of the model.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "arch/expand.h"
#include "checkpoint/checkpoint.h"

namespace shardwright {

// What each layer that predicts has, and no layer of the model: a projection of an embedding and a
// hidden state, and the norms of these two (as in the index of deepseek-ai/DeepSeek-V3).
inline constexpr std::array<std::string_view, 3> kPredictionParts = {"eh_proj", "enorm", "hnorm"};

struct LaterLayers {
  std::string_view stack{};  // what stands before the number in names: "model.layers."
  std::int64_t count{};      // of the config
  std::map<std::int32_t, std::uint32_t> parts{};  // which of kPredictionParts a layer has, as bits
  bool unknown{};  // nobody can tell what the layers have: a shard that may hold it is unreadable
};

LaterLayers later_layers(const Checkpoint& checkpoint, const Expansion& expected);

// The bits of the parts that the layer has; 0 where it has none.
std::uint32_t prediction_parts(const LaterLayers& later, std::int32_t layer);
// All of them are there.
bool predicts(const LaterLayers& later, std::int32_t layer);

// Whether the tensor of this name, which `expected` asks for or passes over, is none that it means:
// it is of a later layer that does not predict.
bool is_surplus(const LaterLayers& later, const Expansion& expected, std::string_view name);

}  // namespace shardwright
