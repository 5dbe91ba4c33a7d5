// ME801: a router or shared gate has not one row an expert.
// docs/checks/ME801-wrong-gate-shape.md
#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void wrong_gate_shape(const Model& model, const Reporter& report) {
  for (const ShapeMismatch& mismatch : model.join.mismatched) {
    if (explanation_of(model, mismatch) != MismatchCause::kGate) continue;
    const Tensor& stored = *mismatch.stored;
    const ShapeView wanted = mismatch.expected->shape;
    const std::string& file = model.checkpoint.shards[stored.shard].file;
    Report finding{.file = file, .tensor = std::string(stored.name)};
    finding.message = fmt::format(
        "{} has shape {}, and a {} is {}: transformers refuses to load it (size mismatch)",
        quoted(stored.name), shape_text(stored.shape),
        mismatch.expected->role == Role::kRouter ? "router of this config"
                                                 : "gate of a shared expert",
        shape_text(wanted));
    if (is_same_order(stored.shape, wanted)) {
      finding.fix =
          safe_fix(fmt::format("give it the shape {}: the elements are the same, in the same order",
                               shape_text(wanted)),
                   {edit::ReshapeTensor{file, std::string(stored.name),
                                        Shape(wanted.begin(), wanted.end())}});
    } else if (element_count(stored.shape) == element_count(wanted)) {
      finding.fix = no_fix(
          "nobody can tell whether the shape alone is wrong or the elements are transposed: "
          "make the mixture again");
    } else {
      finding.fix = no_fix(
          "the values of the other rows are nowhere in the checkpoint: make the mixture again");
    }
    report(std::move(finding));
  }
}

}  // namespace

extern const Check kWrongGateShape;
constinit const Check kWrongGateShape{
    .code = "ME801",
    .name = "wrong-gate-shape",
    .summary = "a router or shared gate has not one row an expert",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = wrong_gate_shape,
};

}  // namespace shardwright
