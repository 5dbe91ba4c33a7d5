// MG703: inputs of a merge that are merged as a whole have different numbers of layers.
// docs/checks/MG703-other-depth.md
#include <optional>

#include <fmt/format.h>

#include "check/across.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

std::optional<std::int64_t> layers_of(const Model& model) {
  if (model.expected && model.expected->layers)
    return static_cast<std::int64_t>(*model.expected->layers);
  const json::Value* layers = setting(model, "num_hidden_layers");
  return layers == nullptr ? std::nullopt : layers->whole_number();
}

void other_depth(const Model& first, const Model& other, const Reporter& report) {
  const auto wanted = layers_of(first);
  const auto found = layers_of(other);
  if (!wanted || !found || *wanted == *found) return;
  report({.message = fmt::format("{} has {} layers and {} has {}: as wholes they cannot be merged",
                                 label_of(other), *found, label_of(first), *wanted),
          .fix = no_fix("'slices' with a 'layer_range' for each model say which layers belong "
                        "together")});
}

}  // namespace

extern const Check kOtherDepth;
constinit const Check kOtherDepth{
    .code = "MG703",
    .name = "other-depth",
    .summary = "inputs of a merge that are merged as a whole have different numbers of layers",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .across = other_depth,
};

}  // namespace shardwright
