// MG701: inputs of a merge are of different architectures.
// docs/checks/MG701-other-architecture.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/across.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// The rule's name, or the model_type where no rule is known; empty where neither is. Names alone
// tell no architecture: llama and mistral have the same.
std::string architecture_of(const Model& model) {
  if (model.detection.by == DetectedBy::kNames) return "";
  if (model.detection.schema != nullptr) return model.detection.schema->name;
  const json::Value* type = setting(model, "model_type");
  const std::string* text = type == nullptr ? nullptr : type->string();
  return text == nullptr ? "" : *text;
}

void other_architecture(const Model& first, const Model& other, const Reporter& report) {
  const std::string wanted = architecture_of(first);
  const std::string found = architecture_of(other);
  if (wanted.empty() || found.empty() || wanted == found) return;
  report(
      {.message = fmt::format("{} is of the architecture {} and {}, whose config the result gets, "
                              "of {}: what weights of the one do in the other is chance",
                              label_of(other), quoted(found), label_of(first), quoted(wanted)),
       .fix = no_fix("merge models that were tuned from one base; --allow MG701 where you know "
                     "that both compute the same")});
}

}  // namespace

extern const Check kOtherArchitecture;
constinit const Check kOtherArchitecture{
    .code = "MG701",
    .name = "other-architecture",
    .summary = "inputs of a merge are of different architectures",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .across = other_architecture,
};

}  // namespace shardwright
