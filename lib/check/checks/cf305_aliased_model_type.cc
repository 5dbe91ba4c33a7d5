// CF305: the model_type is another name of a known architecture.
// docs/checks/CF305-aliased-model-type.md
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// Whether the config asks for the same tensors under the known name: older code may have had other
// names for its keys, too.
bool says_the_same_as(const Model& model, const std::string& known) {
  if (!model.expected || !model.expected->usable) return false;
  json::Value config = *model.checkpoint.config_value();
  for (json::Member& member : std::get<json::Value::Object>(config.data)) {
    if (member.key == "model_type") member.value.data = known;
  }
  const auto other = expand(*model.detection.schema, config, {.layout = model.expected->layout});
  return other && other->usable &&
         std::ranges::equal(other->tensors, model.expected->tensors,
                            [](const ExpectedTensor& a, const ExpectedTensor& b) {
                              return a.name == b.name && same_shape(a.shape, b.shape);
                            });
}

Fix fix_of_alias(const Model& model, const std::string& known) {
  if (!says_the_same_as(model, known)) {
    return no_fix(
        "the config has older names of keys as well: take the config.json of a model "
        "that was converted");
  }
  return unsafe_fix(fmt::format("set model_type to '{}'", known),
                    {edit::SetJson{model.checkpoint.config->name, "/model_type",
                                   json::dump(json::Value{known})}});
}

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
       .fix = fix_of_alias(model, known)});
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
