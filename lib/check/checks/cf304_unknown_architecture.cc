// CF304: no rule describes the architecture.
// docs/checks/CF304-unknown-architecture.md
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/config_types.h"
#include "check/coverage.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// A type that transformers does not have, and no code beside the weights that it could come with.
bool is_refused_type(const Model& model) {
  return !is_model_type(model.detection.model_type) &&
         model.checkpoint.config_value()->find("auto_map") == nullptr;
}

Fix fix_of_type(const Model& model) {
  const Join& join = model.join;
  if (!join.compared || lacks_tensors(join) || !join.unexpected.empty() ||
      !join.mismatched.empty() || join.matched == 0) {
    return no_fix(
        "correct the model_type, or compare config.json with that of the model that this "
        "one was made from");
  }
  const std::string& known = model.detection.schema->model_types.front();
  return unsafe_fix(fmt::format("set model_type to '{}', whose tensors these are", known),
                    {edit::SetJson{model.checkpoint.config->name, "/model_type",
                                   json::dump(json::Value{known})}});
}

// What a rule would have said.
std::string what_was_not_checked(const Model& model) {
  const auto& unruled = model.join.unruled;
  if (unruled && unruled->embedding != nullptr) {
    return "which tensors it needs, their shapes and experts were not checked, and of the config "
           "only what most classes share; files, headers, index, values, and what no class of "
           "transformers has were";
  }
  if (unruled && unruled->of_transformers) {
    return fmt::format(
        "which tensors it needs, their shapes, {}experts and tokens without a row were not "
        "checked, and of the config only what most classes share; files, headers, index, values, "
        "and what no class of transformers has were",
        unruled->tied_head == nullptr ? "a tied head, " : "");
  }
  return "which tensors it needs, their shapes, a tied head, experts, tokens without a row, "
         "adapters left in, and the config's values were not checked; files, headers, index and "
         "values were";
}

void unknown_architecture(const Model& model, const Reporter& report) {
  const Detection& detection = model.detection;
  if (model.checkpoint.config_value() == nullptr) return;
  const std::string& file = model.checkpoint.config->name;
  if (detection.schema != nullptr) {
    const bool unknown_type =
        (detection.by == DetectedBy::kClass || detection.by == DetectedBy::kNames) &&
        !detection.model_type.empty();
    if (!unknown_type) return;
    const std::string what =
        fmt::format("no rule knows the model_type {}: checked as '{}', by {}",
                    quoted(detection.model_type), detection.schema->name, detection.why);
    Report finding{.file = file, .pointer = "/model_type", .message = what};
    if (is_refused_type(model)) {
      finding.message +=
          "; transformers 5.23 does not know it either, and refuses to load the model";
      finding.severity = Severity::kWarning;
      finding.fix = fix_of_type(model);
    }
    report(std::move(finding));
    return;
  }
  if (detection.by == DetectedBy::kOwnCode) {
    report({.file = file,
            .pointer = "/auto_map",
            .message = fmt::format(
                "the class {} comes with its own code (auto_map), which no rule describes: {} "
                "(--arch NAME checks it as a known one)",
                quoted(detection.class_name), what_was_not_checked(model))});
    return;
  }
  const std::string what =
      !detection.model_type.empty() ? fmt::format("the model_type {}", quoted(detection.model_type))
      : !detection.class_name.empty() ? fmt::format("the class {}", quoted(detection.class_name))
                                      : std::string("this config, which names no model_type");
  report({.file = file,
          .pointer = detection.model_type.empty() ? "" : "/model_type",
          .message = fmt::format("no rule describes {}: {} (--arch NAME checks it as a known one)",
                                 what, what_was_not_checked(model))});
}

}  // namespace

extern const Check kUnknownArchitecture;
constinit const Check kUnknownArchitecture{
    .code = "CF304",
    .name = "unknown-architecture",
    .summary = "no rule describes the architecture",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = unknown_architecture,
};

}  // namespace shardwright
