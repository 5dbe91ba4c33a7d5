// AR423: a part of a quantised weight has another shape than its settings ask for.
// docs/checks/AR423-wrong-packed-shape.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/packed_shapes.h"

namespace shardwright {
namespace {

void wrong_packed_shape(const Model& model, const Reporter& report) {
  if (model.join.quantization.empty() || !model.expected || !model.expected->usable) return;
  for (const WrongPart& wrong : wrong_parts(model.checkpoint, *model.expected)) {
    const Tensor& tensor = *wrong.stored;
    report(
        {.file = model.checkpoint.shards[tensor.shard].file,
         .tensor = std::string(tensor.name),
         .message = fmt::format(
             "{} is {}, and {} of {}{}{} has {} there: loaders stop, or compute with wrong values",
             quoted(tensor.name), shape_text(tensor.shape), quoted(model.join.quantization),
             shape_text(wrong.weight->shape), wrong.settings.empty() ? "" : " with ",
             wrong.settings, wrong.wanted),
         .fix = no_fix("compare config.json with that of the model that was quantised: either the "
                       "settings or the tensors are another model's"),
         .group = "all"});
  }
}

}  // namespace

extern const Check kWrongPackedShape;
constinit const Check kWrongPackedShape{
    .code = "AR423",
    .name = "wrong-packed-shape",
    .summary = "a part of a quantised weight has another shape than its settings ask for",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = wrong_packed_shape,
};

}  // namespace shardwright
