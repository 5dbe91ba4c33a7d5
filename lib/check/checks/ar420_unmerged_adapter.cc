// AR420: the weights hold an adapter that was never merged into them.
// docs/checks/AR420-unmerged-adapter.md
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void unmerged_adapter(const Model& model, const Reporter& report) {
  const auto& adapter = model.join.adapter;
  if (adapter.empty()) return;
  const Checkpoint& checkpoint = model.checkpoint;
  Report finding{.tensor = std::string(adapter.front()->name), .group = "all"};
  bool one_file = true;
  for (const Tensor* tensor : adapter) {
    finding.places.emplace_back(tensor->name);
    one_file = one_file && tensor->shard == adapter.front()->shard;
  }
  const std::string& file = checkpoint.shards[adapter.front()->shard].file;
  if (one_file) finding.file = file;
  const auto products = std::ranges::count_if(adapter, [](const Tensor* tensor) {
    return tensor->name.find("lora_") != std::string_view::npos;
  });
  if (products == static_cast<std::ptrdiff_t>(checkpoint.tensors.size())) {
    finding.message = fmt::format(
        "all {} tensors are those of a LoRA adapter ({}), and there is no model that they would "
        "change: transformers fills the whole model with random values",
        adapter.size(), quoted(finding.tensor));
    finding.fix = no_fix(
        "put the adapter into a folder of its own, as 'adapter_model.safetensors' beside its "
        "adapter_config.json; 'shardwright lora merge BASE ADAPTER OUT' makes a model of it");
  } else {
    finding.message = fmt::format(
        "{} of {} tensors bear the names of PEFT ({}): an adapter was saved with the model, and "
        "never merged into it; transformers finds neither the adapter nor what it stands beside",
        adapter.size(), checkpoint.tensors.size(), quoted(finding.tensor));
    finding.fix = no_fix(
        "save the adapter by itself (save_pretrained of the PeftModel), and merge it into its "
        "base: 'shardwright lora merge BASE ADAPTER OUT', or merge_and_unload of PEFT");
  }
  report(std::move(finding));
}

}  // namespace

extern const Check kUnmergedAdapter;
constinit const Check kUnmergedAdapter{
    .code = "AR420",
    .name = "unmerged-adapter",
    .summary = "the weights hold an adapter that was never merged into them",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = unmerged_adapter,
};

}  // namespace shardwright
