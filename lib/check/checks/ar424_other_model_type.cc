// AR424: the stored tensors are those of another model_type than the one that the config names.
// docs/checks/AR424-other-model-type.md
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/implied_fix.h"

namespace shardwright {
namespace {

Fix model_type_fix(const std::string& file, const std::vector<OtherRule>& rules) {
  const OtherRule& rule = rules.front();
  const auto& types = rule.schema->model_types;
  if (rules.size() > 1 || types.size() > 1) {
    return no_fix(
        "several model types have exactly these tensors: find the config that belongs to "
        "these weights");
  }
  return unsafe_fix(
      fmt::format("set model_type to {} and architectures to [{}], which expects every stored "
                  "tensor and misses none",
                  quoted(types.front()), quoted(rule.class_name)),
      {edit::SetJson{file, "/model_type", fmt::format("\"{}\"", types.front())},
       edit::SetJson{file, "/architectures", fmt::format("[\"{}\"]", rule.class_name)}});
}

void other_model_type(const Model& model, const Reporter& report) {
  const auto& implied = model.join.implied_model_type;
  if (!implied) return;
  const std::string& file = model.checkpoint.config->name;
  const std::string& stated = model.detection.model_type;
  Report finding{
      .file = file,
      .pointer = "/model_type",
      .message = fmt::format(
          "the stored tensors are those of {}, each in its shape, and {}: {}",
          types_text(implied->rules),
          stated.empty()
              ? fmt::format("the config is one of {}", quoted(model.expected->schema->name))
              : fmt::format("'model_type' is {} in the config", quoted(stated)),
          what_follows(implied->missing, implied->unexpected, implied->mismatched)),
      .fix = model_type_fix(file, implied->rules),
      .places = names_concerned(implied->missing, implied->unexpected, implied->mismatched)};
  finding.tensor = finding.places.front();
  report(std::move(finding));
}

}  // namespace

extern const Check kOtherModelType;
constinit const Check kOtherModelType{
    .code = "AR424",
    .name = "other-model-type",
    .summary =
        "the stored tensors are those of another model_type than the one that the config names",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = other_model_type,
};

}  // namespace shardwright
