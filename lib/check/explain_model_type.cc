#include "check/explain_model_type.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "arch/name_fit.h"
#include "check/other_config.h"

namespace shardwright {
namespace {

// Nothing is lost, and what was found so far leaves tensors over.
bool is_unexplained(const Join& join) {
  return join.compared && join.lost.empty() && join.adapter.empty() && !join.unexplained &&
         join.wrappers.empty() && join.outer_prefix.empty() && join.other_class.empty() &&
         !join.implied_setting &&
         (!join.missing.empty() || !join.unexpected.empty() || !join.renamed.empty() ||
          !join.other_division.empty() || (!join.mismatched.empty() && !join.implied));
}

// "ForCausalLM" of a class's name, "Model" of a bare one's.
std::string_view kind_of(std::string_view class_name) {
  const std::size_t at = class_name.rfind("For");
  if (at != std::string_view::npos) return class_name.substr(at);
  return class_name.ends_with("LMHeadModel") ? "ForCausalLM" : "Model";
}

// The rule's class for the same purpose: its first where it has none.
const std::string& class_like(const Schema& schema, std::string_view named,
                              std::string_view class_name) {
  const auto& classes = schema.classes;
  auto found = std::ranges::find(classes, named, &SchemaClass::name);
  if (found == classes.end()) {
    found = std::ranges::find_if(classes, [&](const SchemaClass& other) {
      return kind_of(other.name) == kind_of(class_name);
    });
  }
  return found != classes.end() ? found->name : classes.front().name;
}

// What each rule has to have.
FoldedNames names_to_explain(const Checkpoint& checkpoint, const Expansion& expected) {
  std::vector<std::string_view> names;
  for (const Tensor& tensor : checkpoint.tensors) {
    if (!expected.is_ignored(tensor.name)) names.push_back(tensor.name);
  }
  return fold_names(names);
}

// Whether `other` passes over nothing that the config's rule does not pass over.
bool leaves_nothing_out(const Checkpoint& checkpoint, const Expansion& expected,
                        const Expansion& other) {
  return std::ranges::all_of(checkpoint.tensors, [&](const Tensor& tensor) {
    return other.find(tensor.name) != nullptr || expected.is_ignored(tensor.name);
  });
}

// Tensors that a tool lost leave those of another type, too: what stands there must speak for it.
bool is_absence_alone(const Detection& detection, const ImpliedModelType& differences) {
  return differences.unexpected.empty() && differences.mismatched.empty() &&
         detection.class_rule.empty();
}

// All that the config's rule has to say against the tensors.
ImpliedModelType differences(const Checkpoint& checkpoint, const Expansion& expected) {
  ImpliedModelType found;
  for (const Tensor& tensor : checkpoint.tensors) {
    const ExpectedTensor* wanted = expected.find(tensor.name);
    if (wanted == nullptr) {
      if (!expected.is_ignored(tensor.name)) found.unexpected.push_back(&tensor);
    } else if (!same_shape(wanted->shape, tensor.shape)) {
      found.mismatched.push_back({wanted, &tensor});
    }
  }
  for (const ExpectedTensor& wanted : expected.tensors) {
    if (!wanted.optional && checkpoint.find(wanted.name) == nullptr)
      found.missing.push_back(&wanted);
  }
  return found;
}

}  // namespace

void explain_model_type(const Catalogue& catalogue, const Detection& detection,
                        const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const json::Value* config = checkpoint.config_value();
  if (config == nullptr || detection.by == DetectedBy::kRequest || !is_unexplained(join)) return;
  const FoldedNames stored = names_to_explain(checkpoint, expected);
  const auto names = names_of(checkpoint);
  std::vector<OtherRule> rules;
  for (const std::string_view name : catalogue.names()) {
    const Schema* schema = catalogue.find(name);
    if (schema == expected.schema || schema->model_types.empty()) continue;
    const auto fit = fit_names(*schema, stored);
    if (!fit || fit->unexplained > 0 || fit->missing > 0) continue;
    const std::string& class_name = class_like(*schema, detection.class_name, expected.class_name);
    const auto other = expand(*schema, *config, {.class_name = class_name, .names = names});
    if (!other || !other->usable || !other->problems.empty() || !fits(checkpoint, *other) ||
        !leaves_nothing_out(checkpoint, expected, *other)) {
      continue;
    }
    rules.push_back({.schema = schema, .class_name = class_name});
  }
  if (rules.empty()) return;
  // Of several the one whose class the config names; else the shortest name first, of a family's.
  const auto named = std::ranges::find(rules, detection.class_name, &OtherRule::class_name);
  if (named != rules.end()) {
    std::swap(rules.front(), *named);
    rules.resize(1);
  }
  std::ranges::stable_sort(rules, {},
                           [](const OtherRule& rule) { return rule.schema->name.size(); });
  ImpliedModelType implied = differences(checkpoint, expected);
  if (is_absence_alone(detection, implied)) {
    join.types_without_missing = std::move(rules);
    return;
  }
  implied.rules = std::move(rules);
  Join alone;
  alone.compared = true;
  alone.leftover_quantization = join.leftover_quantization;
  alone.expected_of = std::move(join.expected_of);
  alone.matched = join.matched;
  alone.ignored = std::move(join.ignored);
  for (const ConfigProblem& problem : expected.problems)
    alone.resolved.push_back(problem.message);
  alone.implied_model_type = std::move(implied);
  join = std::move(alone);
}

}  // namespace shardwright
