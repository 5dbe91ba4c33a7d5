// What a folder of weights is for, where that decides who loads it.
#pragma once

#include <string_view>

#include "checkpoint/checkpoint.h"

namespace shardwright {

struct Model;

// What PEFT calls the files of an adapter.
inline constexpr std::string_view kAdapterConfig = "adapter_config.json";
inline constexpr std::string_view kAdapterWeights = "adapter_model.safetensors";

// An adapter of PEFT and nothing else. A config.json beside it is that of the base model.
bool is_adapter(const Checkpoint& checkpoint);

// Several files that are no set: not numbered, without an index, and without a config of
// transformers. Each is a model, or a part of one, by itself.
bool is_collection(const Checkpoint& checkpoint);

// Whether PyTorch's pickled weights lie in the folder: what a loader takes where there is no
// safetensors.
bool has_pickled_weights(const Checkpoint& checkpoint);

// Whether anything says that transformers loads this shard: the config, the tensors' names or the
// file's. Other libraries do not look at the label of the format.
bool is_for_transformers(const Model& model, const Shard& shard);

}  // namespace shardwright
