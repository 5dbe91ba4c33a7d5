// CF305: the model_type is another name of a known architecture.
// docs/checks/CF305-aliased-model-type.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void aliased_model_type(const Model& model, const Reporter& report) {
  if (model.detection.by != DetectedBy::kAlias) return;
  const Schema& schema = *model.detection.schema;
  const std::string& known = schema.model_types.front();
  report(
      {.file = model.checkpoint.config->name,
       .pointer = "/model_type",
       .message = fmt::format(
           "the model_type {} is {} under another name ({}): transformers refuses it without the "
           "model's own code",
           quoted(model.detection.model_type), quoted(known), model.detection.why),
       .fix = unsafe_fix(fmt::format("set model_type to '{}'", known),
                         {edit::SetJson{model.checkpoint.config->name, "/model_type",
                                        json::dump(json::Value{known})}})});
}

}  // namespace

extern const Check kAliasedModelType;
constinit const Check kAliasedModelType{
    .code = "CF305",
    .name = "aliased-model-type",
    .summary = "the model_type is another name of a known architecture",
    .severity = Severity::kWarning,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = aliased_model_type,
};

}  // namespace shardwright
