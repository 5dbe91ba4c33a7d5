// AR402: a stored tensor is none of the architecture's.
// docs/checks/AR402-unexpected-tensor.md
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// "vision_tower." of a name, with its dot; empty where the name has none.
std::string_view first_segment(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot + 1);
}

// The scale of an fp8 weight that the config says is none.
bool is_scale_of_skipped(const Model& model, const Tensor& stored) {
  constexpr std::string_view kScaleEnding = "_scale_inv";
  if (model.expected->quantization != "fp8" || !stored.name.ends_with(kScaleEnding)) return false;
  const std::string_view weight = stored.name.substr(0, stored.name.size() - kScaleEnding.size());
  const Tensor* scaled = model.checkpoint.find(weight);
  return scaled != nullptr && dtype_bits(scaled->dtype) <= 8 && model.expected->find(weight);
}

void unexpected_tensor(const Model& model, const Reporter& report) {
  const Join& join = model.join;
  if (has_foreign_names(join)) return;
  std::set<std::string_view> known;
  if (!join.unexpected.empty()) {
    for (const ExpectedTensor& wanted : model.expected->tensors)
      known.insert(first_segment(wanted.name));
  }
  for (const Tensor* stored : join.unexpected) {
    if (is_scale_of_skipped(model, *stored)) continue;  // AR406
    const std::string what =
        fmt::format("{} {} is stored, and '{}' has no such tensor", quoted(stored->name),
                    shape_text(stored->shape), model.expected->schema->name);
    // Tensors of a module that no name of the rule begins with are one finding.
    const std::string_view start = first_segment(stored->name);
    const std::string_view module = known.contains(start) ? std::string_view() : start;
    report({.file = model.checkpoint.shards[stored->shard].file,
            .tensor = std::string(stored->name),
            .message = what + ": transformers reports it as UNEXPECTED and leaves it out",
            .fix = no_fix(module.empty()
                              ? "it may be a tensor that the config does not know of: compare the "
                                "config with the model that the weights come from"
                              : "the weights have a module more than the config: compare the "
                                "config with the model that the weights come from"),
            .group = std::string(module)});
  }
}

}  // namespace

extern const Check kUnexpectedTensor;
constinit const Check kUnexpectedTensor{
    .code = "AR402",
    .name = "unexpected-tensor",
    .summary = "a stored tensor is none of the architecture's",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = unexpected_tensor,
};

}  // namespace shardwright
