// AR403: a tensor has another shape than the config asks for.
// docs/checks/AR403-wrong-shape.md
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/implied_fix.h"

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

// The shapes that one other value of the config explains.
void report_implied(const Model& model, const ImpliedValue& implied,
                    const std::vector<const ShapeMismatch*>& found, const Reporter& report) {
  const ShapeMismatch& first = *found.front();
  Report finding{.file = model.checkpoint.config->name,
                 .tensor = std::string(first.stored->name),
                 .pointer = implied.pointer,
                 .group = "implied"};
  for (const ShapeMismatch* mismatch : found)
    finding.places.emplace_back(mismatch->stored->name);
  for (const Tensor* tensor : model.join.implied_also)
    finding.places.emplace_back(tensor->name);
  finding.message = fmt::format(
      "{}, and the stored shapes are those of {}: {} has {}, expected {}; transformers refuses to "
      "load it",
      stated_text(implied), implied.implied, quoted(first.stored->name),
      shape_text(first.stored->shape), shape_text(first.expected->shape));
  finding.fix = implied_fix(model, implied, "which all stored shapes follow");
  report(std::move(finding));
}

// A scale that does not fit its weight: some loaders stop, and some multiply by what is there.
std::string what_is_wrong(const Expansion& expected, const ShapeMismatch& mismatch) {
  const std::string shapes =
      fmt::format("{} has shape {}, the config asks for {}", quoted(mismatch.stored->name),
                  shape_text(mismatch.stored->shape), shape_text(mismatch.expected->shape));
  if (mismatch.expected->role != Role::kBlockScale)
    return shapes + ": transformers refuses to load it";
  const std::string whose = expected.block
                                ? fmt::format("one for each block of {} x {} of the weight",
                                              expected.block->at(0), expected.block->at(1))
                                : std::string("one for the whole weight");
  return fmt::format("{}, {}: loaders refuse it, or scale other elements than were quantised",
                     shapes, whose);
}

void wrong_shape(const Model& model, const Reporter& report) {
  std::vector<const ShapeMismatch*> found;
  for (const ShapeMismatch& mismatch : model.join.mismatched) {
    if (explanation_of(mismatch) == MismatchCause::kNone) found.push_back(&mismatch);
  }
  if (found.empty()) return;
  if (model.join.implied) {
    report_implied(model, *model.join.implied, found, report);
    return;
  }
  const std::set<std::int32_t> sound = layers_with_sound_experts(model);
  for (const ShapeMismatch* mismatch : found) {
    const ExpectedTensor& wanted = *mismatch->expected;
    const bool alone = wanted.expert >= 0 && sound.contains(wanted.layer);
    report(
        {.file = model.checkpoint.shards[mismatch->stored->shard].file,
         .tensor = std::string(mismatch->stored->name),
         .message = what_is_wrong(*model.expected, *mismatch),
         .fix = no_fix(alone ? "other experts of the layer are as the config asks: this one is of "
                               "another model, take it from the right one"
                             : "the config and the tensor are of different models: find the "
                               "config that belongs to these weights"),
         .group = wanted.role == Role::kBlockScale ? "scales"
                                                   : cause(mismatch->stored->shape, wanted.shape)});
  }
}

}  // namespace

extern const Check kWrongShape;
constinit const Check kWrongShape{
    .code = "AR403",
    .name = "wrong-shape",
    .summary = "a tensor has another shape than the config asks for",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = wrong_shape,
};

}  // namespace shardwright
