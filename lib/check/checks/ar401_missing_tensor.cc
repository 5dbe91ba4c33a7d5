// AR401: a tensor that the architecture needs is not stored.
// docs/checks/AR401-missing-tensor.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/implied_fix.h"

namespace shardwright {
namespace {

// Whether the weight beside a missing scale is none of fp8.
bool scales_plain_weight(const Model& model, const ExpectedTensor& scale) {
  const Tensor* weight = model.checkpoint.find(scale.name.substr(0, scale.name.rfind("_scale")));
  return weight != nullptr && dtype_bits(weight->dtype) > 8;
}

std::string message(const Model& model, const ExpectedTensor& wanted) {
  if (wanted.role == Role::kBlockScale && scales_plain_weight(model, wanted)) {
    return fmt::format(
        "{} {} is missing, and the weight is stored plain: the config says that it is fp8, and "
        "does not name its module in modules_to_not_convert",
        quoted(wanted.name), shape_text(wanted.shape));
  }
  if (wanted.role == Role::kBlockScale) {
    return fmt::format(
        "{} {} is missing: without its block scale the fp8 weight loads silently and computes "
        "with wrong values",
        quoted(wanted.name), shape_text(wanted.shape));
  }
  // Version 5 puts the experts of a layer into one tensor: without a part it refuses all of it.
  if (wanted.expert >= 0) {
    return fmt::format(
        "{} {} is missing: '{}' needs it, and transformers refuses the layer's experts without it, "
        "or fills it with random values",
        quoted(wanted.name), shape_text(wanted.shape), model.expected->schema->name);
  }
  return fmt::format(
      "{} {} is missing: '{}' needs it, and transformers would fill it with random values",
      quoted(wanted.name), shape_text(wanted.shape), model.expected->schema->name);
}

// Other types that would miss nothing: named, and never the cause by absence alone.
std::string or_another_type(const Join& join) {
  if (join.types_without_missing.empty()) return "";
  return fmt::format(
      "; or the config is not this model's: the stored tensors are exactly those of {}",
      types_text(join.types_without_missing));
}

// An expert is absent as a whole, whatever its parts are called; so is a model of which nothing is
// stored, and so are the scales of fp8 weights.
std::string cause(const Model& model, const ExpectedTensor& wanted) {
  if (model.checkpoint.tensors.empty()) return "all";
  if (wanted.role == Role::kBlockScale)
    return scales_plain_weight(model, wanted) ? "plain" : "scales";
  return wanted.expert >= 0 ? "experts" : "";
}

void missing_tensor(const Model& model, const Reporter& report) {
  if (has_foreign_names(model.join)) return;
  const std::string possibility = or_another_type(model.join);
  for (const ExpectedTensor* wanted : model.join.missing) {
    report({.tensor = std::string(wanted->name),
            .message = message(model, *wanted) + possibility,
            .fix = no_fix("the values are nowhere in the checkpoint: copy the tensor from the "
                          "model that this one "
                          "was made from, or write the checkpoint again"),
            .group = cause(model, *wanted)});
  }
}

}  // namespace

extern const Check kMissingTensor;
constinit const Check kMissingTensor{
    .code = "AR401",
    .name = "missing-tensor",
    .summary = "a tensor that the architecture needs is not stored",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = missing_tensor,
};

}  // namespace shardwright
