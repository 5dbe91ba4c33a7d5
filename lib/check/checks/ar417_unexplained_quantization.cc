// AR417: weights are stored in a quantised form that the config does not explain.
// docs/checks/AR417-unexplained-quantization.md
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

// Files of settings that older tools wrote beside config.json.
constexpr auto kSettingsFiles = std::to_array<std::string_view>(
    {"quantize_config.json", "quant_config.json", "hf_quant_config.json"});

std::string help_with_quantization(const Model& model) {
  const Checkpoint& checkpoint = model.checkpoint;
  for (const std::string_view file : kSettingsFiles) {
    if (checkpoint.side_file(file) != nullptr) {
      return fmt::format(
          "{} beside it says how they were quantised; transformers looks for that in "
          "quantization_config of config.json: take the config.json of the quantised model",
          quoted(file));
    }
  }
  if (checkpoint.config_value()->find("quantization") != nullptr) {
    return "'quantization' of the config is MLX's: the model is for MLX, and transformers needs "
           "the one that it was made from";
  }
  return "take the config.json of the model that was quantised: its quantization_config says how "
         "the weights are to be read";
}

void unexplained_quantization(const Model& model, const Reporter& report) {
  if (!model.join.unexplained) return;
  const UnexplainedQuantization& found = *model.join.unexplained;
  Report finding{.tensor = std::string(found.tensors.front()->name), .group = "all"};
  bool one_file = true;
  for (const Tensor* tensor : found.tensors) {
    finding.places.emplace_back(tensor->name);
    one_file = one_file && tensor->shard == found.tensors.front()->shard;
  }
  if (one_file) finding.file = model.checkpoint.shards[found.tensors.front()->shard].file;
  if (found.method.starts_with("load_in_")) {
    finding.message = fmt::format(
        "the weights of {} are stored in the form of {} ({}), and the config says {}: transformers "
        "reports their parts as UNEXPECTED, and computes with random or wrong values, or stops",
        counted(found.modules, "module"), found.form, quoted(finding.tensor), found.method);
    finding.fix = no_fix(
        "take the quantization_config of the model that was quantised: it says load_in_4bit or "
        "load_in_8bit, and how");
    report(std::move(finding));
    return;
  }
  if (!found.method.empty()) {
    const auto scale = std::ranges::find_if(found.tensors, [](const Tensor* tensor) {
      return tensor->name.ends_with(".weight_scale");
    });
    if (scale != found.tensors.end()) finding.tensor = (*scale)->name;
    finding.message = fmt::format(
        "the scales of {} are stored under the names of {} ({}), and the config's quant_method {} "
        "looks for 'weight_scale_inv' in transformers: it reports these as UNEXPECTED, and "
        "computes with weights that are not scaled, or with random scales",
        counted(found.modules, "module"), found.form, quoted(finding.tensor), quoted(found.method));
    finding.fix = no_fix(
        "vLLM reads it as it is; transformers does with settings of quant_method "
        "'compressed-tensors' (format 'float-quantized') in the config");
    report(std::move(finding));
    return;
  }
  finding.message = fmt::format(
      "the weights of {} are stored in the form of {} ({}), and the config has no "
      "quantization_config: transformers takes them for plain weights, and computes with random "
      "or wrong values, or refuses them",
      counted(found.modules, "module"), found.form, quoted(finding.tensor));
  finding.fix = no_fix(help_with_quantization(model));
  report(std::move(finding));
}

}  // namespace

extern const Check kUnexplainedQuantization;
constinit const Check kUnexplainedQuantization{
    .code = "AR417",
    .name = "unexplained-quantization",
    .summary = "weights are stored in a quantised form that the config does not explain",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = unexplained_quantization,
};

}  // namespace shardwright
