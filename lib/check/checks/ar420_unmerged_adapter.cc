// AR420: the weights hold an adapter that was never merged into them.
// docs/checks/AR420-unmerged-adapter.md
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/join_explain.h"

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
  const bool is_lora = std::ranges::any_of(adapter, [](const Tensor* tensor) {
    return tensor->name.find("lora_") != std::string_view::npos;
  });
  const auto products = std::ranges::count_if(
      adapter, [](const Tensor* tensor) { return is_adapter_product(tensor->name); });
  if (products == static_cast<std::ptrdiff_t>(checkpoint.tensors.size())) {
    finding.message = fmt::format(
        "all {} tensors are those of {} ({}), and there is no model that they would "
        "change: transformers fills the whole model with random values",
        adapter.size(), is_lora ? "a LoRA adapter" : "an adapter of PEFT", quoted(finding.tensor));
    finding.fix = no_fix(
        is_lora
            ? "put the adapter into a folder of its own, as 'adapter_model.safetensors' beside its "
              "adapter_config.json; 'shardwright lora merge BASE ADAPTER OUT' makes a model of it"
            : "put the adapter into a folder of its own, as 'adapter_model.safetensors' beside its "
              "adapter_config.json");
  } else {
    finding.message = fmt::format(
        "{} of {} tensors bear the names of PEFT ({}): an adapter was saved with the model, and "
        "never merged into it; transformers finds neither the adapter nor what it stands beside",
        adapter.size(), checkpoint.tensors.size(), quoted(finding.tensor));
    finding.fix = no_fix(
        is_lora ? "save the adapter by itself (save_pretrained of the PeftModel), and merge it "
                  "into its "
                  "base: 'shardwright lora merge BASE ADAPTER OUT', or merge_and_unload of PEFT"
                : "save the adapter by itself (save_pretrained of the PeftModel), and load it with "
                  "PEFT; "
                  "where its method can be merged, merge_and_unload of PEFT does");
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
