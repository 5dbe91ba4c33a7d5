#include "check/purpose.h"

#include <algorithm>

#include "check/check.h"
#include "check/shard_names.h"
#include "check/single_file.h"

namespace shardwright {
namespace {

constexpr std::string_view kPickledAdapter = "adapter_model.bin";

bool has_transformers_config(const Checkpoint& checkpoint) {
  const json::Value* config = checkpoint.config_value();
  return config != nullptr && config->find("model_type") != nullptr;
}

}  // namespace

bool is_adapter(const Checkpoint& checkpoint) {
  return checkpoint.side_file(kAdapterConfig) != nullptr && !checkpoint.index &&
         std::ranges::all_of(checkpoint.shards, [](const Shard& shard) {
           return shard.use != ShardUse::kLoaded || shard.file == kAdapterWeights ||
                  shard.file == kPickledAdapter;
         });
}

bool is_collection(const Checkpoint& checkpoint) {
  if (checkpoint.kind != CheckpointKind::kFolder || checkpoint.index ||
      single_file(checkpoint) != nullptr || has_transformers_config(checkpoint)) {
    return false;
  }
  return std::ranges::none_of(checkpoint.shards, [](const Shard& shard) {
    return shard.use == ShardUse::kLoaded &&
           (shard_number(shard.file) || is_unfinished_name(shard.file));
  });
}

bool has_pickled_weights(const Checkpoint& checkpoint) {
  return checkpoint.folder && (checkpoint.folder->find("pytorch_model.bin") != nullptr ||
                               checkpoint.folder->find("pytorch_model.bin.index.json") != nullptr);
}

bool is_for_transformers(const Model& model, const Shard& shard) {
  if (is_adapter(model.checkpoint)) return false;
  return has_transformers_config(model.checkpoint) || model.detection.schema != nullptr ||
         shard.file.starts_with("model");
}

}  // namespace shardwright
