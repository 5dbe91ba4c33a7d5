// A PEFT adapter: its config, and its tensors by the module that each belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "merge/adapter_config.h"
#include "shardwright/result.h"

namespace shardwright {

// The tensors of one pair. Names are those of the model in memory, without "base_model.model.".
struct AdapterPair {
  std::string module{};
  // Where several parameters of a module are adapted, PEFT wraps it once for each: how many
  // wrappers lie around this one.
  std::size_t depth{};
  bool embedding{};  // lora_embedding_A and _B
  const Tensor* a{};
  const Tensor* b{};
  const Tensor* magnitude{};  // of DoRA, or null
  const Tensor* bias{};       // lora_B's own, or null
};

// A parameter that the adapter holds whole: of modules_to_save, a trained bias, a resized
// embedding.
struct SavedParameter {
  std::string name{};
  const Tensor* tensor{};
};

// Rows of an embedding, of trainable_token_indices.
struct SavedRows {
  std::string module{};
  const Tensor* rows{};
};

struct Adapter {
  AdapterConfig config{};
  std::vector<AdapterPair> pairs{};  // by module, then by depth
  std::vector<SavedParameter> parameters{};
  std::vector<SavedRows> rows{};
  std::vector<std::string> problems{};  // tensors that are none of these, and halves of pairs
};

// The adapter of a folder: adapter_config.json and adapter_model.safetensors, or
// adapter_model.bin. Pointers go into the
// checkpoint. kUnsupported where it is none, or none of LoRA; kMalformed where the config is
// broken. Messages name the file.
Result<Adapter> read_adapter(const Checkpoint& folder);

}  // namespace shardwright
