// AR408: layers are stored that the config does not count.
// docs/checks/AR408-surplus-layers.md
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/implied_fix.h"
#include "check/later_layers.h"
#include "check/layers_text.h"

namespace shardwright {
namespace {

// The first layer that has some of what a layer that predicts needs, and not all: what it has, and
// what it lacks.
struct HalfPrediction {
  std::vector<std::string_view> has{}, lacks{};
};

HalfPrediction half_prediction(const Model& model) {
  HalfPrediction half;
  const LaterLayers later = later_layers(model.checkpoint, *model.expected);
  for (const auto& [layer, tensors] : model.join.surplus_layers) {
    const std::uint32_t parts = prediction_parts(later, layer);
    if (parts == 0 || predicts(later, layer)) continue;
    for (std::size_t i = 0; i < kPredictionParts.size(); ++i)
      ((parts >> i & 1U) != 0 ? half.has : half.lacks).push_back(kPredictionParts.at(i));
    break;
  }
  return half;
}

std::string half_text(const HalfPrediction& half) {
  if (half.has.empty()) return "";
  return fmt::format("; it has {} of a layer that predicts a further token, and not {}",
                     fmt::join(half.has, " and "), fmt::join(half.lacks, " and "));
}

std::string what_loaders_do(const Model& model) {
  const Tensor& first = *model.join.surplus_layers.begin()->second.front();
  return model.expected->is_ignored(first.name)
             ? "transformers passes over layers of that number without a word, and computes "
               "without them"
             : "transformers reports the tensors as UNEXPECTED and computes without them";
}

void surplus_layers(const Model& model, const Reporter& report) {
  const auto& surplus = model.join.surplus_layers;
  if (surplus.empty()) return;
  const HalfPrediction half = half_prediction(model);
  Report finding{.group = "all"};
  for (const auto& [layer, tensors] : surplus) {
    for (const Tensor* tensor : tensors) {
      finding.places.emplace_back(tensor->name);
      const std::string& file = model.checkpoint.shards[tensor->shard].file;
      if (finding.places.size() == 1) {
        finding.file = file;
      } else if (finding.file != file) {
        finding.file.clear();
      }
    }
  }
  finding.tensor = finding.places.front();
  finding.message =
      fmt::format("{} stored, and the config counts {} layers ({}){}: {}", layers_text(surplus),
                  model.expected->layers.value_or(0), quoted(model.expected->layers_pointer),
                  half_text(half), what_loaders_do(model));
  finding.fix = depth_fix(model, finding.places)
                    .value_or(no_fix(half.has.empty()
                                         ? "either the config counts too few layers or the weights "
                                           "hold too many: compare it with the "
                                           "model that the weights come from"
                                         : "the rest of that layer is nowhere in the checkpoint: "
                                           "copy it from the model that the weights come from"));
  report(std::move(finding));
}

}  // namespace

extern const Check kSurplusLayers;
constinit const Check kSurplusLayers{
    .code = "AR408",
    .name = "surplus-layers",
    .summary = "layers are stored that the config does not count",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = surplus_layers,
};

}  // namespace shardwright
