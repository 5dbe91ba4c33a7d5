// AR408: layers are stored that the config does not count.
// docs/checks/AR408-surplus-layers.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/implied_fix.h"
#include "check/layers_text.h"

namespace shardwright {
namespace {

void surplus_layers(const Model& model, const Reporter& report) {
  const auto& surplus = model.join.surplus_layers;
  if (surplus.empty()) return;
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
  finding.message = fmt::format(
      "{} stored, and the config counts {} layers ({}): transformers reports the tensors as "
      "UNEXPECTED and computes "
      "without them",
      layers_text(surplus), model.expected->layers.value_or(0),
      quoted(model.expected->layers_pointer));
  finding.fix = depth_fix(model, finding.places)
                    .value_or(no_fix("either the config counts too few layers or the weights hold "
                                     "too many: compare it with the "
                                     "model that the weights come from"));
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
