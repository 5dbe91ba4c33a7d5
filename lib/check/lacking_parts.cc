#include "check/lacking_parts.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "base/text.h"
#include "check/name_numbers.h"
#include "check/quant_name.h"
#include "check/quantization.h"

namespace shardwright {
namespace {

using ModuleParts = std::set<std::string_view>;
using Modules = std::map<std::string_view, ModuleParts>;

// Who needs a part: every module, or those whose like in another layer has it.
enum class Among : std::uint8_t { kAll, kLike };

// Of a form that shows itself by any of its parts, those that are all needed.
struct PartNeed {
  std::string_view method;
  std::string_view shown_by;  // one of the parts
  std::string_view needs;     // and it is useless without this one
  Among among{};
};

// What compressed-tensors scales: the first is said to be missing.
constexpr std::string_view kAnyWeight = "weight_packed|weight|compressed";
constexpr std::string_view kPlainWeight = "weight|weight_packed|compressed";

// "a|b": either will do. "weight:U8" is a weight of that dtype.
constexpr auto kPartNeeds = std::to_array<PartNeed>({
    {"gptq", "qweight", "qzeros"},
    {"gptq", "qweight", "scales"},
    {"gptq", "scales", "qweight"},
    {"gptq", "qzeros", "qweight"},
    {"awq", "qweight", "qzeros"},
    {"awq", "qweight", "scales"},
    {"awq", "scales", "qweight"},
    {"awq", "qzeros", "qweight"},
    {"bitsandbytes", "weight:U8", "weight.absmax"},
    {"bitsandbytes", "weight:U8", "weight.quant_map"},
    {"bitsandbytes", "weight:U8", "weight.quant_state"},
    {"bitsandbytes", "weight.absmax:U8", "weight.nested_absmax"},
    {"bitsandbytes", "weight.absmax:U8", "weight.nested_quant_map"},
    {"bitsandbytes", "weight.absmax", "weight"},
    {"bitsandbytes", "weight.absmax", "weight.quant_map"},
    {"bitsandbytes", "weight.absmax", "weight.quant_state"},
    {"bitsandbytes", "weight:I8", "SCB"},
    {"bitsandbytes", "SCB", "weight"},
    {"compressed-tensors", "weight_packed", "weight_scale"},
    {"compressed-tensors", "weight:F8", "weight_scale"},
    {"compressed-tensors", "weight:I8", "weight_scale"},
    {"compressed-tensors", "weight_scale", kAnyWeight},
    {"fbgemm_fp8", "weight:F8", "weight_scale"},
    {"modelopt", "weight:F8", "weight_scale"},
    {"modelopt", "weight:U8", "weight_scale"},
    {"modelopt", "weight:U8", "weight_scale_2"},
    {"modelopt", "weight_scale", "weight"},
    {"modelopt", "weight_scale", "input_scale", Among::kLike},
    {"mxfp4", "blocks", "scales"},
    {"mxfp4", "scales", "blocks"},
    {"torchao", "_weight_qdata", "_weight_scale|_weight_scale_and_zero"},
    {"torchao", "_weight_scale", "_weight_qdata"},
    {"torchao", "_weight_qdata", "_weight_zero_point", Among::kLike},
});

const json::Value* member_of(const json::Value* value, std::string_view key) {
  return value != nullptr ? value->find(key) : nullptr;
}

bool says(const json::Value* value, std::string_view key, std::string_view text) {
  const json::Value* found = member_of(value, key);
  return found != nullptr && found->string() != nullptr && *found->string() == text;
}

bool is_flag(const json::Value* value, std::string_view key, bool flag) {
  return value != nullptr && value->says(key, flag);
}

// The parts that a group of compressed-tensors asks for besides.
ModuleParts parts_of_group(const json::Value& group, const json::Value& settings) {
  ModuleParts parts;
  const json::Value* weights = group.find("weights");
  const json::Value* inputs = group.find("input_activations");
  const json::Value& format = group.find("format") != nullptr ? group : settings;
  if (says(&format, "format", "pack-quantized")) parts.insert("weight_shape");
  if (is_flag(weights, "symmetric", false)) parts.insert("weight_zero_point");
  if (says(weights, "strategy", "tensor_group")) parts.insert("weight_global_scale");
  if (says(weights, "actorder", "group")) parts.insert("weight_g_idx");
  if (is_flag(inputs, "dynamic", false)) parts.insert("input_scale");
  if (is_flag(inputs, "dynamic", false) && is_flag(inputs, "symmetric", false))
    parts.insert("input_zero_point");
  if (says(inputs, "strategy", "tensor_group") && !is_flag(inputs, "dynamic", true))
    parts.insert("input_global_scale");
  return parts;
}

// What all groups with weights ask for: which modules are of which, only patterns say.
ModuleParts parts_of_groups(const json::Value& settings) {
  ModuleParts common;
  const json::Value* groups = settings.find("config_groups");
  if (groups == nullptr || groups->object() == nullptr) return common;
  bool first = true;
  for (const json::Member& group : *groups->object()) {
    const json::Value* weights = group.value.find("weights");
    if (weights == nullptr || weights->object() == nullptr) continue;
    const ModuleParts parts = parts_of_group(group.value, settings);
    if (first) common = parts;
    first = false;
    std::erase_if(common, [&](std::string_view part) { return !parts.contains(part); });
  }
  return common;
}

// The order of the rows, which transformers gives no value of its own. What auto-round packs like
// GPTQ has none.
PartNeed order_need(const json::Value& settings) {
  const json::Value* format = settings.find("checkpoint_format");
  const bool known = format == nullptr || format->string() == nullptr ||
                     *format->string() == "gptq" || *format->string() == "gptq_v2";
  const bool all = known && says(&settings, "quant_method", "gptq");
  return {"gptq", "qweight", "g_idx", all ? Among::kAll : Among::kLike};
}

std::vector<PartNeed> needs_of(const json::Value& settings) {
  const std::string_view method = stored_method(settings);
  std::vector<PartNeed> needs;
  // A format of GPTQ whose parts have other names.
  if (says(&settings, "checkpoint_format", "marlin")) return needs;
  std::ranges::copy_if(kPartNeeds, std::back_inserter(needs),
                       [&](const PartNeed& need) { return need.method == method; });
  if (method == "gptq") needs.push_back(order_need(settings));
  if (method == "modelopt" && parts_of_groups(settings).contains("input_scale"))
    needs.push_back({method, "weight_scale", "input_scale", {}});
  if (method != "compressed-tensors") return needs;
  const json::Value* format = settings.find("format");
  const bool packs = format == nullptr || format->string() == nullptr ||
                     format->string()->find("quantized") == std::string::npos ||
                     format->string()->find("pack") != std::string::npos;
  for (PartNeed& need : needs) {
    if (need.needs == kAnyWeight && !packs) need.needs = kPlainWeight;
  }
  for (const std::string_view part : parts_of_groups(settings)) {
    const bool of_packed = part == "weight_shape" || part == "weight_g_idx";
    needs.push_back({method, of_packed ? "weight_packed" : "weight_scale", part, {}});
  }
  return needs;
}

std::string_view weight_part(DType dtype) {
  if (dtype == DType::kU8) return "weight:U8";
  if (dtype == DType::kI8) return "weight:I8";
  return dtype_class(dtype) == DTypeClass::kFloat && dtype_bits(dtype) == 8 ? "weight:F8" : "";
}

Modules parts_of_modules(const Checkpoint& checkpoint) {
  Modules modules;
  for (const Tensor& tensor : checkpoint.tensors) {
    if (const auto part = quant_part(tensor.name)) {
      constexpr std::string_view kState = "weight.quant_state";
      ModuleParts& parts = modules[part->module];
      parts.insert(part->part.starts_with(kState) ? kState : part->part);
      if (part->part == "weight.absmax" && tensor.dtype == DType::kU8)
        parts.insert("weight.absmax:U8");
      continue;
    }
    const std::size_t dot = tensor.name.rfind('.');
    if (dot == std::string_view::npos) continue;
    ModuleParts& parts = modules[tensor.name.substr(0, dot)];
    parts.insert(tensor.name.substr(dot + 1));
    const bool other_storage = tensor.dtype != DType::kU8 && holds_four_bits(checkpoint, tensor);
    if (tensor.name.ends_with(".weight") && !other_storage) parts.insert(weight_part(tensor.dtype));
  }
  return modules;
}

bool has_any_part(const ModuleParts& parts, std::string_view either) {
  return std::ranges::any_of(split(either, '|'),
                             [&](std::string_view part) { return parts.contains(part); });
}

}  // namespace

std::vector<LackingModule> lacking_modules(const Checkpoint& checkpoint) {
  std::vector<LackingModule> found;
  const json::Value* settings = quantization_settings(checkpoint);
  if (settings == nullptr || !is_all_readable(checkpoint)) return found;
  const std::vector<PartNeed> needs = needs_of(*settings);
  if (needs.empty()) return found;
  const Modules modules = parts_of_modules(checkpoint);
  std::map<std::string_view, std::set<std::string>> like;  // modules without numbers, by their part
  for (const PartNeed& need : needs) {
    if (need.among != Among::kLike) continue;
    for (const auto& [module, parts] : modules) {
      if (has_any_part(parts, need.needs)) like[need.needs].insert(without_numbers(module));
    }
  }
  for (const auto& [module, parts] : modules) {
    LackingModule lacking{.module = module};
    for (const PartNeed& need : needs) {
      if (!parts.contains(need.shown_by) || has_any_part(parts, need.needs)) continue;
      if (need.among == Among::kLike && !like[need.needs].contains(without_numbers(module)))
        continue;
      if (lacking.has.empty()) lacking.has = need.shown_by;
      if (std::ranges::find(lacking.lacks, need.needs) == lacking.lacks.end())
        lacking.lacks.push_back(need.needs);
    }
    if (!lacking.lacks.empty()) found.push_back(std::move(lacking));
  }
  return found;
}

}  // namespace shardwright
