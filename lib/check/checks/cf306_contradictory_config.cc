// CF306: the config contradicts itself or lacks what the architecture needs.
// docs/checks/CF306-contradictory-config.md
#include <algorithm>

#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// With the value that the stored tensors imply it would be none: that is the cause.
bool is_resolved(const Join& join, const ConfigProblem& problem) {
  return std::ranges::find(join.resolved, problem.message) != join.resolved.end();
}

void contradictory_config(const Model& model, const Reporter& report) {
  if (!model.expected) return;
  for (const ConfigProblem& problem : model.expected->problems) {
    if (is_resolved(model.join, problem)) continue;
    report({.file = model.checkpoint.config->name,
            .pointer = problem.pointer,
            .message = problem.message,
            .fix = no_fix("compare config.json with that of the model that this one was made from"),
            .group = problem.pointer + problem.message});
  }
}

}  // namespace

extern const Check kContradictoryConfig;
constinit const Check kContradictoryConfig{
    .code = "CF306",
    .name = "contradictory-config",
    .summary = "the config contradicts itself or lacks what the architecture needs",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = contradictory_config,
};

}  // namespace shardwright
