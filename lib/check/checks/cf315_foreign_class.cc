// CF315: the class that the config names is one of another architecture.
// docs/checks/CF315-foreign-class.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void foreign_class(const Model& model, const Reporter& report) {
  const Detection& detection = model.detection;
  // Where the tensors are those of another model_type, that is the cause.
  if (detection.class_rule.empty() || model.join.implied_model_type) return;
  report({.file = model.checkpoint.config->name,
          .pointer = "/architectures",
          .message = fmt::format(
              "the class {} is one of {}, and the model_type is {}: transformers goes by the "
              "model_type, vLLM by the class",
              quoted(detection.class_name), quoted(detection.class_rule),
              quoted(detection.model_type)),
          .fix = no_fix("compare config.json with that of the model that this one was made from: "
                        "one of the two is another model's")});
}

}  // namespace

extern const Check kForeignClass;
constinit const Check kForeignClass{
    .code = "CF315",
    .name = "foreign-class",
    .summary = "the class that the config names is one of another architecture",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = foreign_class,
};

}  // namespace shardwright
