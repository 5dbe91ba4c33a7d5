// ME801: a router, its bias or a shared gate has not one row an expert.
// docs/checks/ME801-wrong-gate-shape.md
#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

std::string_view kind_of_gate(Role role) {
  switch (role) {
    case Role::kSharedGate:
      return "gate of a shared expert";
    case Role::kRouterBias:
      return "bias of a router of this config";
    default:
      return "router of this config";
  }
}

bool is_transposed(ShapeView stored, ShapeView wanted) {
  return stored.size() == 2 && wanted.size() == 2 && stored[0] == wanted[1] &&
         stored[1] == wanted[0];
}

// What the other shape comes from, where it shows: a clause after the shapes, or nothing.
std::string gate_cause(const ShapeMismatch& mismatch) {
  const ShapeView stored = mismatch.stored->shape;
  const ShapeView wanted = mismatch.expected->shape;
  if (is_same_order(stored, wanted)) return "";
  if (is_transposed(stored, wanted)) return "; rows and columns are exchanged";
  if (mismatch.expected->role == Role::kSharedGate) return "";
  // The extent that counts experts: the first of a router, the last of its bias.
  const bool bias = mismatch.expected->role == Role::kRouterBias;
  if (stored.size() != wanted.size()) return "";
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const bool counts = bias ? i + 1 == stored.size() : i == 0;
    if (!counts && stored[i] != wanted[i]) return "";
  }
  const std::uint64_t has = bias ? stored.back() : stored.front();
  const std::uint64_t experts = bias ? wanted.back() : wanted.front();
  const std::string_view what = bias ? "numbers" : "rows";
  return has < experts ? fmt::format("; {} for {} of {}", what, has, counted(experts, "expert"))
                       : fmt::format("; {} for {}, and the config counts {}", what,
                                     counted(has, "expert"), experts);
}

Fix gate_fix(const ShapeMismatch& mismatch, const std::string& file) {
  const Tensor& stored = *mismatch.stored;
  const ShapeView wanted = mismatch.expected->shape;
  if (is_same_order(stored.shape, wanted)) {
    return safe_fix(
        fmt::format("give it the shape {}: the elements are the same, in the same order",
                    shape_text(wanted)),
        {edit::ReshapeTensor{file, std::string(stored.name), Shape(wanted.begin(), wanted.end())}});
  }
  if (is_transposed(stored.shape, wanted)) {
    return unsafe_fix(
        fmt::format("exchange its rows and columns, which gives {}: nothing proves that the shape "
                    "alone is not wrong",
                    shape_text(wanted)),
        {edit::TransposeTensor{file, std::string(stored.name)}});
  }
  if (element_count(stored.shape) == element_count(wanted)) {
    return no_fix("nobody can tell in which order the elements stand: make the mixture again");
  }
  if (element_count(stored.shape) > element_count(wanted)) {
    return no_fix("nobody can tell which rows are too many: make the mixture again");
  }
  return no_fix("the values of the others are nowhere in the checkpoint: make the mixture again");
}

void wrong_gate_shape(const Model& model, const Reporter& report) {
  for (const ShapeMismatch& mismatch : model.join.mismatched) {
    if (explanation_of(mismatch) != MismatchCause::kGate) continue;
    const Tensor& stored = *mismatch.stored;
    const std::string& file = model.checkpoint.shards[stored.shard].file;
    report(
        {.file = file,
         .tensor = std::string(stored.name),
         .message = fmt::format(
             "{} has shape {}, and a {} is {}{}: transformers refuses to load it (size "
             "mismatch)",
             quoted(stored.name), shape_text(stored.shape), kind_of_gate(mismatch.expected->role),
             shape_text(mismatch.expected->shape), gate_cause(mismatch)),
         .fix = gate_fix(mismatch, file)});
  }
}

}  // namespace

extern const Check kWrongGateShape;
constinit const Check kWrongGateShape{
    .code = "ME801",
    .name = "wrong-gate-shape",
    .summary = "a router, its bias or a shared gate has not one row an expert",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = wrong_gate_shape,
};

}  // namespace shardwright
