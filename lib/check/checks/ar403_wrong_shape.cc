// AR403: a tensor has another shape than the config asks for.
// docs/checks/AR403-wrong-shape.md
#include <set>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// One number of the config stands in many shapes. Tensors in which the same extents differ are one
// finding: "16 for 24" of all keys and values, whatever their other extent is.
std::string cause(ShapeView stored, ShapeView expected) {
  if (stored.size() != expected.size()) return "";
  std::set<std::string> extents;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (stored[i] != expected[i]) extents.insert(fmt::format("{} for {}", stored[i], expected[i]));
  }
  return fmt::format("{}", fmt::join(extents, ", "));
}

// Layers of which some expert has the shapes that the config asks for.
std::set<std::int32_t> layers_with_sound_experts(const Model& model) {
  std::set<std::int32_t> layers;
  for (const ExpectedTensor& wanted : model.expected->tensors) {
    if (wanted.expert < 0 || layers.contains(wanted.layer)) continue;
    const Tensor* stored = model.checkpoint.find(wanted.name);
    if (stored != nullptr && same_shape(stored->shape, wanted.shape)) layers.insert(wanted.layer);
  }
  return layers;
}

void wrong_shape(const Model& model, const Reporter& report) {
  if (model.join.mismatched.empty()) return;
  const std::set<std::int32_t> sound = layers_with_sound_experts(model);
  for (const ShapeMismatch& mismatch : model.join.mismatched) {
    if (explanation_of(mismatch) != MismatchCause::kNone) continue;
    const ExpectedTensor& wanted = *mismatch.expected;
    const bool alone = wanted.expert >= 0 && sound.contains(wanted.layer);
    report(
        {.file = model.checkpoint.shards[mismatch.stored->shard].file,
         .tensor = std::string(mismatch.stored->name),
         .message =
             fmt::format("{} has shape {}, the config asks for {}: transformers refuses to load it",
                         quoted(mismatch.stored->name), shape_text(mismatch.stored->shape),
                         shape_text(mismatch.expected->shape)),
         .fix = no_fix(alone ? "other experts of the layer are as the config asks: this one is of "
                               "another model, take it from the right one"
                             : "the config and the tensor are of different models: find the "
                               "config that belongs to these weights"),
         .group = cause(mismatch.stored->shape, mismatch.expected->shape)});
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
    .run = wrong_shape,
};

}  // namespace shardwright
