// CF306: the config contradicts itself or lacks what the architecture needs.
// docs/checks/CF306-contradictory-config.md
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "arch/query.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// With the value that the stored tensors imply it would be none: that is the cause.
bool is_resolved(const Model& model, const ConfigProblem& problem) {
  const auto& resolved = model.join.resolved;
  return std::ranges::find(resolved, problem.message) != resolved.end() ||
         counts_stored_layers(model.checkpoint, *model.expected, model.join, problem);
}

// Keys that say the same: transformers reads one of them, and other loaders another.
void report_spellings(const Model& model, const Reporter& report) {
  const json::Value& config = *model.checkpoint.config_value();
  const Schema& schema = *model.expected->schema;
  for (const std::string_view read : keys_read(schema)) {
    std::vector<std::pair<std::string, const json::Value*>> stated;
    for (const std::string& key : spellings_of(schema, read)) {
      const json::Value* value = config.find(key);  // at the top: parts of a config have their own
      if (value != nullptr && value->number()) stated.emplace_back(key, value);
    }
    for (std::size_t i = 1; i < stated.size(); ++i) {
      if (json::says_the_same(*stated[0].second, *stated[i].second)) continue;
      report({.file = model.checkpoint.config->name,
              .pointer = "/" + json::pointer_step(stated[i].first),
              .message = fmt::format(
                  "'{}' is {} and '{}' is {}, and the two mean the same: transformers reads the "
                  "first, and loaders that know the other alone build another model",
                  stated[0].first, json::dump(*stated[0].second), stated[i].first,
                  json::dump(*stated[i].second)),
              .severity = Severity::kWarning,
              .fix = no_fix(fmt::format("set both to what the weights hold, or remove '{}'",
                                        stated[i].first)),
              .group = stated[i].first});
    }
  }
}

void report_problem(const Model& model, const ConfigProblem& problem, const Reporter& report) {
  report({.file = model.checkpoint.config->name,
          .pointer = problem.pointer,
          .message = problem.message,
          .fix = no_fix("compare config.json with that of the model that this one was made from"),
          .group = problem.pointer + problem.message});
}

void contradictory_config(const Model& model, const Reporter& report) {
  if (model.join.unruled) {
    for (const ConfigProblem& problem : model.join.unruled->problems)
      report_problem(model, problem, report);
  }
  if (!model.expected) return;
  for (const ConfigProblem& problem : model.expected->problems) {
    if (!is_resolved(model, problem)) report_problem(model, problem, report);
  }
  if (!model.join.experts) report_spellings(model, report);  // ME802
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
