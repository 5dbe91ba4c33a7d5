#include "check/single_file.h"

namespace shardwright {

const Shard* single_file(const Checkpoint& checkpoint) {
  if (checkpoint.index_decides || checkpoint.shards.empty() ||
      checkpoint.kind == CheckpointKind::kIndex) {
    return nullptr;
  }
  const Shard& first = checkpoint.shards.front();
  if (first.use != ShardUse::kLoaded || first.entry.kind != EntryKind::kFile) return nullptr;
  if (checkpoint.kind == CheckpointKind::kFile || first.file == "model.safetensors" ||
      first.file == "diffusion_pytorch_model.safetensors") {
    return &first;
  }
  const json::Value* config = checkpoint.config_value();
  const json::Value* named = config != nullptr ? config->find("transformers_weights") : nullptr;
  const std::string* name = named != nullptr ? named->string() : nullptr;
  return name != nullptr && *name == first.file ? &first : nullptr;
}

}  // namespace shardwright
