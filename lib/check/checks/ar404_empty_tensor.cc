// AR404: a tensor holds no elements where the config asks for some.
// docs/checks/AR404-empty-tensor.md
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/unruled.h"

namespace shardwright {
namespace {

constexpr std::string_view kZero3Help =
    "a sharded training run (DeepSpeed ZeRO-3) saved its placeholders: save again with the "
    "parameters gathered (stage3_gather_16bit_weights_on_model_save)";

void empty_without_rule(const Model& model, const Reporter& report) {
  for (const Tensor* tensor : model.join.unruled->empty) {
    report({.file = model.checkpoint.shards[tensor->shard].file,
            .tensor = std::string(tensor->name),
            .message = fmt::format("{} has shape {} and holds nothing: transformers refuses to "
                                   "load it where the model needs some",
                                   quoted(tensor->name), shape_text(tensor->shape)),
            .severity = severity_without_rule(model.join),
            .fix = no_fix(std::string(kZero3Help)),
            .group = "all"});
  }
}

void empty_tensor(const Model& model, const Reporter& report) {
  for (const ShapeMismatch& mismatch : model.join.mismatched) {
    if (explanation_of(mismatch) != MismatchCause::kEmpty) continue;
    report(
        {.file = model.checkpoint.shards[mismatch.stored->shard].file,
         .tensor = std::string(mismatch.stored->name),
         .message = fmt::format("{} has shape {} and holds {}, the config asks for {}: "
                                "transformers refuses to load it",
                                quoted(mismatch.stored->name), shape_text(mismatch.stored->shape),
                                mismatch.stored->bytes == 0 ? "nothing" : "one number",
                                shape_text(mismatch.expected->shape)),
         .fix = no_fix(std::string(kZero3Help)),
         .group = "all"});
  }
  if (model.join.unruled) empty_without_rule(model, report);
}

}  // namespace

extern const Check kEmptyTensor;
constinit const Check kEmptyTensor{
    .code = "AR404",
    .name = "empty-tensor",
    .summary = "a tensor holds no elements where the config asks for some",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = empty_tensor,
};

}  // namespace shardwright
