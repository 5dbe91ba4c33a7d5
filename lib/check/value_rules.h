// Values of a config that the type of their key allows, and the model does not: what transformers 5
// does with them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "json/value.h"

namespace shardwright {

enum class ValueEffect : std::uint8_t {
  kRefused,  // no model is built
  kStops,    // one is, and its first forward pass raises
  kSpoilt,   // and computes nothing of use
};

struct WrongValue {
  std::string_view wanted{};  // "a number above 0"
  ValueEffect effect{};
};

// None where the class of that model type computes with the value, or does not know the key.
std::optional<WrongValue> wrong_value(std::string_view model_type, std::string_view key,
                                      const json::Value& value);

// What comes of a kind of layer in `layer_types` that transformers knows, and the class of that
// model type does not; none where it does, or has layers of every kind.
std::optional<ValueEffect> effect_of_layer_type(std::string_view model_type, std::string_view kind);

}  // namespace shardwright
