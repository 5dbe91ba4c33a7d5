#include "check/strangers.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <string_view>

#include "check/join_explain.h"
#include "check/name_numbers.h"
#include "check/quant_name.h"
#include "check/quantization.h"

namespace shardwright {
namespace {

// By its own name or as a part of a weight.
bool has_place(const Expansion& expected, const ExpectedTensor* wanted, const Tensor& tensor) {
  if (wanted != nullptr || expected.is_ignored(tensor.name)) return true;
  const auto part = quant_part(tensor.name);
  if (!part) return false;
  const std::string weight = weight_of_part(*part);
  return expected.find(weight) != nullptr || expected.is_ignored(weight);
}

// Modules that are all experts, or that one tensor of the rule holds all experts of.
std::set<std::string_view> modules_of_experts(const Expansion& expected) {
  std::set<std::string_view> modules;
  for (const ExpectedTensor& wanted : expected.tensors) {
    if (wanted.role == Role::kExpert || wanted.expert >= 0)
      modules.insert(module_name(wanted.name));
  }
  return modules;
}

bool is_of_experts(const std::set<std::string_view>& modules, std::string_view name) {
  if (name.find("expert") != std::string_view::npos) return true;
  for (std::size_t dot = name.rfind('.'); dot != std::string_view::npos; dot = name.rfind('.')) {
    name = name.substr(0, dot);
    if (modules.contains(name)) return true;
  }
  return false;
}

bool is_of_a_later_layer(const Expansion& expected, std::string_view name) {
  const std::uint64_t layers = expected.layers.value_or(std::numeric_limits<std::uint64_t>::max());
  return std::ranges::any_of(numbers_of(name), [&](const NameNumber& number) {
    return number.value >= 0 && static_cast<std::uint64_t>(number.value) >= layers;
  });
}

// Others write an empty object there.
bool rotates(const Checkpoint& checkpoint) {
  const json::Value* settings = quantization_settings(checkpoint);
  const json::Value* transform =
      settings != nullptr ? settings->find_path("transform_config.config_groups") : nullptr;
  return transform != nullptr && transform->object() != nullptr && !transform->object()->empty();
}

}  // namespace

std::vector<const Tensor*> adapter_tensors(const Checkpoint& checkpoint, const Expansion& expected,
                                           const Join& join) {
  std::vector<const Tensor*> found;
  bool has_product = false;
  for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const Tensor& tensor = checkpoint.tensors[i];
    if (has_place(expected, join.expected_of[i], tensor)) continue;
    const bool is_of_adapter = is_adapter_name(tensor.name);
    const bool is_beside = tensor.name.find(".base_layer.") != std::string_view::npos;
    if (is_of_adapter || is_beside) found.push_back(&tensor);
    has_product = has_product || is_adapter_product(tensor.name);
  }
  if (!has_product) found.clear();
  return found;
}

std::vector<const Tensor*> strangers(const Checkpoint& checkpoint, const Expansion& expected,
                                     const Join& join) {
  std::vector<const Tensor*> found;
  if (rotates(checkpoint)) return found;
  const std::set<std::string_view> experts = modules_of_experts(expected);
  std::set<std::string_view> of_words;  // modules in the form of GPTQ and AWQ
  for (const Tensor& tensor : checkpoint.tensors) {
    const auto part = quant_part(tensor.name);
    if (part && part->form == QuantForm::kGptq && part->whole) of_words.insert(part->module);
  }
  for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const Tensor& tensor = checkpoint.tensors[i];
    const auto part = quant_part(tensor.name);
    const bool is_bias = tensor.name.ends_with(".bias");
    const bool stands_for_itself = part ? part->whole : is_bias || tensor.name.ends_with(".weight");
    if (!stands_for_itself || has_place(expected, join.expected_of[i], tensor)) continue;
    if (is_of_experts(experts, tensor.name) || is_of_a_later_layer(expected, tensor.name)) continue;
    if (is_bias && of_words.contains(module_name(tensor.name))) continue;
    found.push_back(&tensor);
  }
  return found;
}

}  // namespace shardwright
