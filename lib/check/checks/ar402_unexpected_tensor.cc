// AR402: a stored tensor is none of the architecture's.
// docs/checks/AR402-unexpected-tensor.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

bool is_adapter(std::string_view name) {
  return name.find(".lora_") != std::string_view::npos ||
         name.find(".base_layer.") != std::string_view::npos ||
         name.find("modules_to_save.") != std::string_view::npos ||
         name.starts_with("base_model.model.");
}

void unexpected_tensor(const Model& model, const Reporter& report) {
  const Join& join = model.join;
  if (has_foreign_names(join)) return;
  for (const Tensor* stored : join.unexpected) {
    const std::string what =
        fmt::format("{} {} is stored, and '{}' has no such tensor", quoted(stored->name),
                    shape_text(stored->shape), model.expected->schema->name);
    Report finding{.file = model.checkpoint.shards[stored->shard].file,
                   .tensor = std::string(stored->name)};
    if (is_adapter(stored->name)) {
      finding.message = what + ": it belongs to an adapter, which transformers leaves out";
      finding.fix = no_fix(
          "merge the adapter into its base model with PEFT (merge_and_unload), and save that");
    } else {
      finding.message = what + ": transformers reports it as UNEXPECTED and leaves it out";
      finding.fix = no_fix(
          "it may be a tensor that the config does not know of: compare the config with the "
          "model that the weights come from");
    }
    report(std::move(finding));
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
