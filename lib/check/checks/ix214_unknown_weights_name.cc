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

constexpr std::string_view kSingle = "model.safetensors";
constexpr std::string_view kDiffusers = "diffusion_pytorch_model.safetensors";

// A config of transformers: those of other libraries have their own names for weights.
bool is_transformers_config(const json::Value& config) {
  return config.find("model_type") != nullptr && config.find("_class_name") == nullptr;
}

// "transformers_weights" of the config names it.
bool is_named(const json::Value& config, std::string_view file) {
  const json::Value* named = config.find("transformers_weights");
  return named != nullptr && named->string() != nullptr && *named->string() == file;
}

// The one shard, where transformers looks for it under another name; else empty.
std::string_view misnamed_shard(const Checkpoint& checkpoint) {
  const Shard* single = single_file(checkpoint);
  if (single != nullptr) return single->file == kDiffusers ? single->file : std::string_view();
  const auto loaded = std::ranges::count(checkpoint.shards, ShardUse::kLoaded, &Shard::use);
  if (loaded != 1) return {};  // IX211
  const Shard& shard = checkpoint.shards.front();
  const bool other = shard.entry.kind != EntryKind::kFile || shard_number(shard.file) ||
                     is_unfinished_name(shard.file) || shard.file == kAdapterWeights;
  return other ? std::string_view() : shard.file;
}

void unknown_weights_name(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  const json::Value* config = checkpoint.config_value();
  if (checkpoint.kind != CheckpointKind::kFolder || config == nullptr ||
      !is_transformers_config(*config) || has_pickled_weights(checkpoint)) {
    return;
  }
  const bool by_index = checkpoint.index && checkpoint.index_decides;
  const std::string_view wanted = by_index ? kIndexName : kSingle;
  const std::string_view name =
      by_index ? std::string_view(checkpoint.index->name) : misnamed_shard(checkpoint);
  if (name.empty() || name == wanted || is_named(*config, name)) return;
  const bool variant = by_index ? name.starts_with("model.") : is_variant_name(name);
  const std::string_view what = by_index ? "the index is" : "the weights are";
  report({.file = std::string(name),
          .message = variant ? fmt::format("{} is a variant, and there is no '{}': transformers "
                                           "loads it only when asked with 'variant'",
                                           quoted(name), wanted)
                             : fmt::format("transformers looks for '{}', and {} called {}; it "
                                           "prints 'Error no file named model.safetensors'",
                                           wanted, what, quoted(name)),
          .severity = variant ? std::optional(Severity::kWarning) : std::nullopt,
          .fix = no_fix(fmt::format("rename the file to '{}' if it is the model{}", wanted,
                                    by_index ? "'s" : ""))});
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
