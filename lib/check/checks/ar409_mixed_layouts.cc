// AR409: some tensors are in another layout than the rest.
// docs/checks/AR409-mixed-layouts.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"

namespace shardwright {
namespace {

void mixed_layouts(const Model& model, const Reporter& report) {
  const Join& join = model.join;
  for (const Tensor* tensor : join.other_layout) {
    report({.file = model.checkpoint.shards[tensor->shard].file,
            .tensor = std::string(tensor->name),
            .message = fmt::format(
                "{} is in the layout '{}' and the rest of the model in '{}': transformers 5 takes "
                "both, and loaders that read one of them leave tensors out",
                quoted(tensor->name), join.other_layout_name, model.expected->layout),
            .group = "all"});
  }
}

}  // namespace

extern const Check kMixedLayouts;
constinit const Check kMixedLayouts{
    .code = "AR409",
    .name = "mixed-layouts",
    .summary = "some tensors are in another layout than the rest",
    .severity = Severity::kWarning,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = mixed_layouts,
};

}  // namespace shardwright
