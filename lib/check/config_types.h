// The types that transformers 5 declares for the keys of a config, and the words that it knows. It
// checks every key of a config before it builds a model, and a whole number is no float there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"

namespace shardwright {

// "a whole number or null": what the class of that model type declares for a key, where the value
// is not that; none where it is, or where the class does not know the key.
std::optional<std::string> wanted_type(std::string_view model_type, std::string_view key,
                                       const json::Value& value);

// Whether the class of that model type declares the key.
bool knows_key(std::string_view model_type, std::string_view key);

// Whether a row of a table is of that model type: "llama mistral", or "!bert" for all but that.
bool is_of_models(std::string_view models, std::string_view model_type);

// The same of keys that most classes of transformers have, whichever the class is: what none of
// them takes. For model types that no rule describes; empty for a class that is not known.
std::optional<std::string> commonly_wanted_type(std::string_view model_type, std::string_view key,
                                                const json::Value& value);

// Whether transformers 5.23 has a config class for that model type.
bool is_model_type(std::string_view name);

// Functions of torch under the names that transformers has for them (ACT2FN): "silu".
bool is_activation(std::string_view name);

// The kinds of layers that layer_types may name, older words for them too: "full_attention".
bool is_layer_type(std::string_view name);

// The kinds of layers that mlp_layer_types may name.
bool is_mlp_layer_type(std::string_view name);

}  // namespace shardwright
