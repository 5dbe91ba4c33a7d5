#include "check/quantization.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <set>
#include <span>
#include <string>

#include "check/expert_place.h"
#include "check/later_layers.h"
#include "check/name_numbers.h"
#include "check/quant_name.h"

namespace shardwright {
namespace {

constexpr std::string_view kAtTop = "quantization_config";
constexpr std::string_view kInside = "text_config.quantization_config";

const json::Value* settings_at(const Checkpoint& checkpoint, std::string_view path) {
  const json::Value* config = checkpoint.config_value();
  const json::Value* settings = config != nullptr ? config->find_path(path) : nullptr;
  return settings != nullptr && settings->object() != nullptr ? settings : nullptr;
}

const json::Value* quantization_config(const Checkpoint& checkpoint) {
  return settings_at(checkpoint, kAtTop);
}

std::string_view text_member(const json::Value& value, std::string_view key) {
  const json::Value* found = value.find(key);
  return found != nullptr && found->string() != nullptr ? std::string_view(*found->string())
                                                        : std::string_view();
}

// Methods that store their linear layers at the names of the rule, in parts of their own.
constexpr auto kModuleMethods =
    std::to_array<std::string_view>({"auto-round", "awq", "bitsandbytes", "compressed-tensors",
                                     "fbgemm_fp8", "gptq", "modelopt", "mxfp4", "torchao"});

// Whether compressed-tensors means weights: it may tell of nothing but the cache, or of sparsity.
bool compresses_weights(const json::Value& quantization) {
  if (text_member(quantization, "format") == "dense") return false;
  const json::Value* groups = quantization.find("config_groups");
  if (groups == nullptr || groups->object() == nullptr) return false;
  return std::ranges::any_of(*groups->object(), [](const json::Member& group) {
    const json::Value* weights = group.value.find("weights");
    return weights != nullptr && weights->object() != nullptr;
  });
}

bool is_among(std::string_view method, std::span<const std::string_view> methods) {
  return std::ranges::find(methods, method) != methods.end();
}

bool is_quantized(const Tensor& tensor) {
  if (quant_part(tensor.name)) return true;
  switch (dtype_class(tensor.dtype)) {
    case DTypeClass::kFloat:
      return dtype_bits(tensor.dtype) <= 8;
    default:
      // Positions and masks are whole numbers of 64 bits and flags.
      return tensor.dtype != DType::kI64 && tensor.dtype != DType::kBool;
  }
}

// What torchao saved says so in each file, also where it quantised nothing; transformers refuses
// files that do not.
bool is_saved_by_torchao(const Checkpoint& checkpoint) {
  return std::ranges::any_of(checkpoint.shards, [](const Shard& shard) {
    return shard.use == ShardUse::kLoaded && shard.header &&
           std::ranges::any_of(shard.header->metadata,
                               [](const auto& entry) { return entry.first == "tensor_names"; });
  });
}

// Weights that bitsandbytes stored in the other of its two forms than the settings say.
//
// Source: transformers 5.23.0, quantizers/auto.py; settings that say both are refused.
void find_other_bits(const Checkpoint& checkpoint, const json::Value& settings, Join& join) {
  const bool four = settings.says("load_in_4bit", true);
  if (four == settings.says("load_in_8bit", true)) return;
  const QuantForm other = four ? QuantForm::kEightBits : QuantForm::kFourBits;
  UnexplainedQuantization found{.form = std::string(quant_form_name(other)),
                                .method = four ? "load_in_4bit" : "load_in_8bit"};
  std::set<std::string_view> modules;
  for (const Tensor& tensor : checkpoint.tensors) {
    const auto part = quant_part(tensor.name);
    if (!part || part->form != other) continue;
    modules.insert(part->module);
    found.tensors.push_back(&tensor);
  }
  found.modules = modules.size();
  if (found.modules > 0) join.unexplained = std::move(found);
}

// Tensors of layers and experts that the config does not count, for explain_layers and
// explain_experts.
void add_surplus(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const std::uint64_t layers = expected.layers.value_or(std::numeric_limits<std::uint64_t>::max());
  const LaterLayers later = later_layers(checkpoint, expected);
  for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const Tensor& tensor = checkpoint.tensors[i];
    const bool is_known = join.expected_of[i] != nullptr || expected.is_ignored(tensor.name);
    if (is_known && !is_surplus(later, expected, tensor.name)) continue;
    const std::vector<NameNumber> numbers = numbers_of(tensor.name);
    const bool deeper = !numbers.empty() && numbers.front().value >= 0 &&
                        static_cast<std::uint64_t>(numbers.front().value) >= layers;
    if (deeper && predicts(later, numbers.front().value)) continue;
    if (deeper || place_beyond(expected, tensor.name)) join.unexpected.push_back(&tensor);
  }
}

// Modules of experts that the rule requires and of which nothing is stored. None where the names
// may be another layout's.
std::vector<const ExpectedTensor*> missing_experts(const Checkpoint& checkpoint,
                                                   const Expansion& expected,
                                                   const std::set<std::string_view>& modules) {
  std::vector<const ExpectedTensor*> missing;
  std::uint64_t required = 0;
  for (const ExpectedTensor& wanted : expected.tensors) {
    if (wanted.optional || wanted.expert < 0) continue;
    ++required;
    if (!modules.contains(module_name(wanted.name))) missing.push_back(&wanted);
  }
  const bool any_named = std::ranges::any_of(checkpoint.tensors, [](const Tensor& tensor) {
    return tensor.name.find("expert") != std::string_view::npos;
  });
  if (any_named && missing.size() * 2 > required) missing.clear();
  return missing;
}

}  // namespace

const json::Value* quantization_settings(const Checkpoint& checkpoint) {
  const json::Value* settings = quantization_config(checkpoint);
  return settings != nullptr ? settings : settings_at(checkpoint, kInside);
}

std::string_view stored_method(const json::Value& settings) {
  const std::string_view method = text_member(settings, "quant_method");
  if (method != "auto-round") return method;
  const std::string_view key =
      settings.find("packing_format") != nullptr ? "packing_format" : "backend";
  const std::string_view packing = text_member(settings, key);
  for (const std::string_view known : {"awq", "gptq"}) {
    if (packing.find(known) != std::string_view::npos) return known;
  }
  return method;
}

PlainUnder plain_under(const json::Value& settings) {
  const std::string_view method = text_member(settings, "quant_method");
  constexpr auto kLacking = std::to_array<std::string_view>(
      {"auto-round", "awq", "bitnet", "fbgemm_fp8", "fp8", "gptq", "mxfp8", "torchao"});
  constexpr auto kRefused = std::to_array<std::string_view>(
      {"aqlm", "eetq", "higgs", "hqq", "nvfp4", "quanto", "quark", "sinq", "spqr", "vptq"});
  // They may quantise, or keep plain weights beside what they compute with.
  constexpr auto kUnknown =
      std::to_array<std::string_view>({"", "fouroversix", "fp_quant", "gemma", "gguf"});
  if (is_among(method, kUnknown)) return PlainUnder::kUnknown;
  // AutoBitLinear has plain weights, BitLinear packed ones.
  if (method == "bitnet" && text_member(settings, "linear_class") == "autobitlinear")
    return PlainUnder::kUnknown;
  if (method == "compressed-tensors")
    return compresses_weights(settings) ? PlainUnder::kLacking : PlainUnder::kUnknown;
  if (is_among(method, kLacking) || settings.says("load_in_4bit", true) ||
      settings.says("load_in_8bit", true))
    return PlainUnder::kLacking;
  return is_among(method, kRefused) ? PlainUnder::kRefused : PlainUnder::kLoaded;
}

bool shows_quantization(const Checkpoint& checkpoint) {
  return std::ranges::any_of(checkpoint.tensors, is_quantized);
}

bool holds_four_bits(const Checkpoint& checkpoint, const Tensor& tensor) {
  return tensor.name.ends_with(".weight") &&
         checkpoint.find(std::string(tensor.name) + ".absmax") != nullptr;
}

void read_quantization(const Checkpoint& checkpoint, Join& join) {
  const json::Value* quantization = quantization_settings(checkpoint);
  if (quantization == nullptr) return;
  join.quantization_pointer = quantization_config(checkpoint) != nullptr
                                  ? "/quantization_config"
                                  : "/text_config/quantization_config";
  const std::string_view method = text_member(*quantization, "quant_method");
  find_other_bits(checkpoint, *quantization, join);
  const bool by_torchao = method == "torchao" && is_saved_by_torchao(checkpoint);
  if (!by_torchao && plain_under(*quantization) != PlainUnder::kUnknown &&
      is_all_there(checkpoint) && !shows_quantization(checkpoint)) {
    join.leftover_quantization = method;
    return;
  }
  // Settings without a method are CF312's, and mean nothing where no tensor shows one.
  if (method.empty() && !shows_quantization(checkpoint)) return;
  // Block scales of fp8 are what a rule knows.
  if (method != "fp8") join.quantization = method.empty() ? "an unnamed method" : method;
}

bool is_whole_scale(const Checkpoint& checkpoint, const Expansion& expected,
                    const ExpectedTensor& wanted, const Tensor& stored) {
  if (wanted.role != Role::kBlockScale || stored.shape.size() > 1 ||
      (!stored.shape.empty() && stored.shape.front() != 1))
    return false;
  const json::Value* settings = quantization_config(checkpoint);
  return !expected.block || settings == nullptr || settings->find("weight_block_size") == nullptr;
}

bool needs_input_scale(const Checkpoint& checkpoint, const ExpectedTensor& wanted) {
  constexpr std::string_view kEnd = ".activation_scale";
  if (wanted.expert >= 0 || !wanted.name.ends_with(kEnd)) return false;
  const json::Value* settings = quantization_config(checkpoint);
  if (settings == nullptr || settings->says("dequantize", true)) return false;
  const std::string module(wanted.name.substr(0, wanted.name.size() - kEnd.size()));
  return checkpoint.find(module + ".weight_scale_inv") != nullptr &&
         checkpoint.find(module + ".input_scale") == nullptr;  // AR402 speaks of that one
}

void compare_modules(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  if (std::ranges::find(kModuleMethods, join.quantization) == kModuleMethods.end()) return;
  std::set<std::string_view> modules;
  std::set<std::string_view> quantized;
  for (const Tensor& tensor : checkpoint.tensors) {
    const auto part = quant_part(tensor.name);
    modules.insert(part ? part->module : module_name(tensor.name));
    if (part) quantized.insert(part->module);
  }
  for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const Tensor& tensor = checkpoint.tensors[i];
    const ExpectedTensor* wanted = join.expected_of[i];
    const bool is_plain = dtype_class(tensor.dtype) == DTypeClass::kFloat &&
                          dtype_bits(tensor.dtype) >= 16 &&
                          !quantized.contains(module_name(tensor.name));
    if (wanted != nullptr && is_plain && !same_shape(wanted->shape, tensor.shape))
      join.mismatched.push_back({wanted, &tensor});
  }
  std::uint64_t required = 0;
  for (const ExpectedTensor& wanted : expected.tensors) {
    if (wanted.optional || wanted.expert >= 0 || wanted.role == Role::kExpert) continue;
    ++required;
    if (checkpoint.find(wanted.name) == nullptr && !modules.contains(module_name(wanted.name)))
      join.missing.push_back(&wanted);
  }
  if (join.missing.size() * 2 > required) {
    // More holes than names: it is another naming.
    const bool foreign = join.missing.size() == required;
    join.modules_compared = foreign;
    if (!foreign) join.missing.clear();
    for (const Tensor& tensor : checkpoint.tensors) {
      if (foreign) join.unexpected.push_back(&tensor);
    }
  } else {
    join.modules_compared = true;
    std::ranges::copy(missing_experts(checkpoint, expected, modules),
                      std::back_inserter(join.missing));
    add_surplus(checkpoint, expected, join);
  }
}

}  // namespace shardwright
