// CF311: the config of a known architecture names no model_type.
// docs/checks/CF311-missing-model-type.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void missing_model_type(const Model& model, const Reporter& report) {
  const Detection& detection = model.detection;
  const bool by_content = detection.by == DetectedBy::kClass || detection.by == DetectedBy::kNames;
  if (model.checkpoint.config_value() == nullptr || !by_content || !detection.model_type.empty())
    return;
  const std::string& known = detection.schema->model_types.front();
  report(
      {.file = model.checkpoint.config->name,
       .pointer = "/model_type",
       .message = fmt::format(
           "the config names no model_type, and the model is '{}' by {}: transformers refuses to "
           "load it",
           known, detection.why),
       .fix = unsafe_fix(fmt::format("set model_type to '{}'", known),
                         {edit::SetJson{model.checkpoint.config->name, "/model_type",
                                        json::dump(json::Value{known})}})});
}

}  // namespace

extern const Check kMissingModelType;
constinit const Check kMissingModelType{
    .code = "CF311",
    .name = "missing-model-type",
    .summary = "the config of a known architecture names no model_type",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = missing_model_type,
};

}  // namespace shardwright
