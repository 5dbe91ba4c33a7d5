// AR418: a quantised module lacks a part of what it is stored in.
// docs/checks/AR418-incomplete-quantization.md
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/quant_name.h"

namespace shardwright {
namespace {

using ModuleParts = std::set<std::string_view>;

// Of a form that shows itself by any of its parts, those that are all needed.
struct PartNeed {
  std::string_view method;
  std::string_view shown_by;  // one of the parts
  std::string_view needs;     // and it is useless without this one
};

// "a|b": either will do. "weight:U8" is a weight of that dtype.
constexpr auto kPartNeeds = std::to_array<PartNeed>({
    {"gptq", "qweight", "qzeros"},
    {"gptq", "qweight", "scales"},
    {"gptq", "qweight", "g_idx"},
    {"gptq", "scales", "qweight"},
    {"gptq", "qzeros", "qweight"},
    {"awq", "qweight", "qzeros"},
    {"awq", "qweight", "scales"},
    {"awq", "scales", "qweight"},
    {"awq", "qzeros", "qweight"},
    {"bitsandbytes", "weight:U8", "weight.absmax"},
    {"bitsandbytes", "weight:U8", "weight.quant_map"},
    {"bitsandbytes", "weight:U8", "weight.quant_state"},
    {"bitsandbytes", "weight.absmax", "weight"},
    {"bitsandbytes", "weight:I8", "SCB"},
    {"bitsandbytes", "SCB", "weight"},
    {"compressed-tensors", "weight_packed", "weight_scale"},
    {"compressed-tensors", "weight:F8", "weight_scale"},
    {"compressed-tensors", "weight:I8", "weight_scale"},
    {"compressed-tensors", "weight_scale", "weight_packed|weight|compressed"},
    {"fbgemm_fp8", "weight:F8", "weight_scale"},
    {"modelopt", "weight:F8", "weight_scale"},
    {"modelopt", "weight:U8", "weight_scale"},
    {"modelopt", "weight:U8", "weight_scale_2"},
    {"modelopt", "weight_scale", "weight"},
    {"mxfp4", "blocks", "scales"},
    {"mxfp4", "scales", "blocks"},
});

std::string_view weight_part(DType dtype) {
  if (dtype == DType::kU8) return "weight:U8";
  if (dtype == DType::kI8) return "weight:I8";
  return dtype_class(dtype) == DTypeClass::kFloat && dtype_bits(dtype) == 8 ? "weight:F8" : "";
}

std::map<std::string_view, ModuleParts> parts_of_modules(const Checkpoint& checkpoint) {
  std::map<std::string_view, ModuleParts> modules;
  for (const Tensor& tensor : checkpoint.tensors) {
    if (const auto part = quant_part(tensor.name)) {
      constexpr std::string_view kState = "weight.quant_state";
      modules[part->module].insert(part->part.starts_with(kState) ? kState : part->part);
      continue;
    }
    const std::size_t dot = tensor.name.rfind('.');
    if (dot == std::string_view::npos) continue;
    ModuleParts& parts = modules[tensor.name.substr(0, dot)];
    parts.insert(tensor.name.substr(dot + 1));
    if (tensor.name.ends_with(".weight")) parts.insert(weight_part(tensor.dtype));
  }
  return modules;
}

bool has_any_part(const ModuleParts& parts, std::string_view either) {
  return std::ranges::any_of(split(either, '|'),
                             [&](std::string_view part) { return parts.contains(part); });
}

// "weight:U8" as a reader would say it.
std::string said_part(std::string_view part) {
  if (const std::size_t colon = part.find(':'); colon != std::string_view::npos) {
    return fmt::format("'{}' of {}", part.substr(0, colon), part.substr(colon + 1));
  }
  return quoted(part.substr(0, part.find('|')));
}

// A format of GPTQ whose parts have other names.
bool is_marlin(const Model& model) {
  const json::Value* format =
      model.checkpoint.config_value()->find_path("quantization_config.checkpoint_format");
  return format != nullptr && format->string() != nullptr && *format->string() == "marlin";
}

void incomplete_quantization(const Model& model, const Reporter& report) {
  const std::string& method = model.join.quantization;
  if (std::ranges::find(kPartNeeds, method, &PartNeed::method) == kPartNeeds.end() ||
      is_marlin(model))
    return;
  // What is in a shard that is not there is no missing part.
  if (!std::ranges::all_of(model.checkpoint.shards, [](const Shard& shard) {
        return shard.use != ShardUse::kLoaded || is_sound(shard);
      })) {
    return;
  }
  const auto modules = parts_of_modules(model.checkpoint);
  // Without an order of the rows a module has no g_idx, and then none has.
  const bool has_order = std::ranges::any_of(
      modules, [](const auto& module) { return module.second.contains("g_idx"); });
  for (const auto& [module, parts] : modules) {
    for (const PartNeed& need : kPartNeeds) {
      if (need.method != method || !parts.contains(need.shown_by) ||
          has_any_part(parts, need.needs) || (need.needs == "g_idx" && !has_order))
        continue;
      report({.tensor = std::string(module),
              .message = fmt::format(
                  "{} has {} and no {}, and {} needs both: loaders stop, or compute with random "
                  "values",
                  quoted(module), said_part(need.shown_by), said_part(need.needs), quoted(method)),
              .fix = no_fix("the values are nowhere in the checkpoint: fetch or quantise the model "
                            "again"),
              .group = fmt::format("{} {}", need.shown_by, need.needs)});
    }
  }
}

}  // namespace

extern const Check kIncompleteQuantization;
constinit const Check kIncompleteQuantization{
    .code = "AR418",
    .name = "incomplete-quantization",
    .summary = "a quantised module lacks a part of what it is stored in",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = incomplete_quantization,
};

}  // namespace shardwright
