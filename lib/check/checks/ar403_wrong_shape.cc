// AR403: a tensor has another shape than the config asks for.
// docs/checks/AR403-wrong-shape.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void run(const Model& model, const Reporter& report) {
  for (const ShapeMismatch& mismatch : model.join.mismatched) {
    if (explanation_of(model, mismatch) != MismatchCause::kNone) continue;
    report({.file = model.checkpoint.shards[mismatch.stored->shard].file,
            .tensor = std::string(mismatch.stored->name),
            .message = fmt::format(
                "{} has shape {}, the config asks for {}: transformers refuses to load it",
                quoted(mismatch.stored->name), shape_text(mismatch.stored->shape),
                shape_text(mismatch.expected->shape)),
            .fix = no_fix("the config and the tensor are of different models: find the config that "
                          "belongs to these "
                          "weights")});
  }
}

}  // namespace

extern const Check kWrongShape;
constinit const Check kWrongShape{
    .code = "AR403",
    .name = "wrong-shape",
    .summary = "a tensor has another shape than the config asks for",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = run,
};

}  // namespace shardwright
