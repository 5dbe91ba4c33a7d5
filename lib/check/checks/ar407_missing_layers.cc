// AR407: whole layers that the config counts are not stored.
// docs/checks/AR407-missing-layers.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/implied_fix.h"
#include "check/layers_text.h"
#include "check/wording.h"

namespace shardwright {
namespace {

// No rule says what the layers hold: what a gap in their numbers shows.
void report_layer_gap(const NumberGap& gap, const Reporter& report) {
  const bool one = gap.absent.size() == 1;
  report({.tensor = fmt::format("{}.{}", gap.list, gap.absent.front()),
          .message = fmt::format(
              "{} {} of {} {} missing, of {} that the config counts ({}): nothing of {} is stored, "
              "and {} is; transformers would fill {} with random values",
              one ? "layer" : "layers", number_runs(gap.absent), quoted(gap.list),
              one ? "is" : "are", gap.count, quoted(gap.pointer), one ? "it" : "them",
              fmt::format("layer {}", gap.last), one ? "it" : "them"),
          .fix = no_fix(gap.absent.front() > gap.last
                            ? "shards are absent, or the config counts too many layers: compare it "
                              "with the model that the weights come from"
                            : "shards are absent, or layers were taken out and the others not "
                              "numbered anew: compare with the model that the weights come from"),
          .group = gap.list});
}

void missing_layers(const Model& model, const Reporter& report) {
  if (model.join.unruled) {
    for (const NumberGap& gap : model.join.unruled->gaps)
      report_layer_gap(gap, report);
  }
  const auto& absent = model.join.absent_layers;
  if (absent.empty()) return;
  Report finding{.group = "all"};
  for (const auto& [layer, tensors] : absent) {
    for (const ExpectedTensor* tensor : tensors)
      finding.places.emplace_back(tensor->name);
  }
  finding.tensor = finding.places.front();
  finding.message = fmt::format(
      "{} missing, of {} that the config counts ({}): nothing of {} is stored, and transformers "
      "would "
      "fill {} with random values",
      layers_text(absent), model.expected->layers.value_or(0),
      quoted(model.expected->layers_pointer), absent.size() == 1 ? "it" : "them",
      absent.size() == 1 ? "it" : "them");
  for (const ConfigProblem& problem : model.expected->problems) {
    if (counts_stored_layers(model.checkpoint, *model.expected, model.join, problem)) {
      finding.message +=
          fmt::format("; {} has an entry for each layer that is stored", quoted(problem.pointer));
    }
  }
  finding.fix = depth_fix(model, finding.places)
                    .value_or(no_fix("either shards are absent, or the config counts too many "
                                     "layers: compare it with the model "
                                     "that the weights come from"));
  report(std::move(finding));
}

}  // namespace

extern const Check kMissingLayers;
constinit const Check kMissingLayers{
    .code = "AR407",
    .name = "missing-layers",
    .summary = "whole layers that the config counts are not stored",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = missing_layers,
};

}  // namespace shardwright
