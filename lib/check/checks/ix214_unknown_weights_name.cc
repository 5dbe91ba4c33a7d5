// IX214: the weights bear a name under which transformers does not look for them.
// docs/checks/IX214-unknown-weights-name.md
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/purpose.h"
#include "check/shard_names.h"
#include "check/single_file.h"

namespace shardwright {
namespace {

// A config of transformers: those of other libraries have their own names for weights.
bool is_transformers_config(const Checkpoint& checkpoint) {
  const json::Value* config = checkpoint.config_value();
  return config != nullptr && config->find("model_type") != nullptr;
}

void unknown_weights_name(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (checkpoint.kind != CheckpointKind::kFolder || checkpoint.index ||
      single_file(checkpoint) != nullptr || !is_transformers_config(checkpoint) ||
      has_pickled_weights(checkpoint)) {
    return;
  }
  const auto loaded = std::ranges::count(checkpoint.shards, ShardUse::kLoaded, &Shard::use);
  if (loaded != 1) return;  // IX211
  const Shard& shard = checkpoint.shards.front();
  if (shard.entry.kind != EntryKind::kFile || shard_number(shard.file) ||
      is_unfinished_name(shard.file) || shard.file == "adapter_model.safetensors") {
    return;
  }
  const bool variant = is_variant_name(shard.file);
  report({.file = shard.file,
          .message =
              variant ? fmt::format("{} is a variant, and there is no 'model.safetensors': "
                                    "transformers loads it only when asked with 'variant'",
                                    quoted(shard.file))
                      : fmt::format("transformers looks for 'model.safetensors', and the weights "
                                    "are called {}; it prints 'Error no file named "
                                    "model.safetensors'",
                                    quoted(shard.file)),
          .severity = variant ? std::optional(Severity::kWarning) : std::nullopt,
          .fix = no_fix("rename the file to 'model.safetensors' if it is the model")});
}

}  // namespace

extern const Check kUnknownWeightsName;
constinit const Check kUnknownWeightsName{
    .code = "IX214",
    .name = "unknown-weights-name",
    .summary = "the weights bear a name under which transformers does not look for them",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = unknown_weights_name,
};

}  // namespace shardwright
