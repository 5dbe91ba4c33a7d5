// CF311: the config names no model_type.
// docs/checks/CF311-missing-model-type.md
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// Of no known architecture, and transformers wrote the config: what it names no class for may be
// for others to load, as the heads of speculative decoders are.
std::optional<Severity> severity_of_bare(const json::Value& config, const Detection& detection) {
  if (detection.by != DetectedBy::kNothing || config.find("auto_map") != nullptr)
    return std::nullopt;
  const json::Value* classes = config.find("architectures");
  if (classes != nullptr && classes->array() != nullptr && !classes->array()->empty())
    return Severity::kError;
  if (config.find("transformers_version") == nullptr) return std::nullopt;
  return Severity::kWarning;
}

Fix fix_of(const Detection& detection, const std::string& file) {
  constexpr std::string_view kAdvice =
      "set 'model_type' to that of the model that this one was made from";
  if (detection.schema == nullptr) return no_fix(std::string(kAdvice));
  if (detection.is_one_of_several)
    return no_fix(fmt::format("several architectures have these names: {}", kAdvice));
  const std::string& known = detection.schema->model_types.front();
  return unsafe_fix(fmt::format("set model_type to '{}'", known),
                    {edit::SetJson{file, "/model_type", json::dump(json::Value{known})}});
}

void missing_model_type(const Model& model, const Reporter& report) {
  const Detection& detection = model.detection;
  const json::Value* config = model.checkpoint.config_value();
  if (config == nullptr || !detection.model_type.empty()) return;
  std::string known;
  std::optional<Severity> severity = Severity::kError;
  if (detection.by == DetectedBy::kClass || detection.by == DetectedBy::kNames) {
    known = fmt::format(", and the model is '{}' by {}", detection.schema->model_types.front(),
                        detection.why);
  } else {
    severity = severity_of_bare(*config, detection);
    if (!severity) return;
  }
  report(
      {.file = model.checkpoint.config->name,
       .pointer = "/model_type",
       .message = fmt::format("the config names no model_type{}: transformers refuses to load it{}",
                              known, known.empty() ? " with 'Unrecognized model'" : ""),
       .fix = fix_of(detection, model.checkpoint.config->name)});
}

}  // namespace

extern const Check kMissingModelType;
constinit const Check kMissingModelType{
    .code = "CF311",
    .name = "missing-model-type",
    .summary = "the config names no model_type",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = missing_model_type,
};

}  // namespace shardwright
