#include "check/plain_modules.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <string>
#include <unordered_map>

#include "arch/block_quant.h"
#include "check/name_numbers.h"
#include "check/quant_name.h"
#include "check/quantization.h"

namespace shardwright {
namespace {

// Every text of the settings, keys too: they name modules. Not those that say which part of the
// model is quantised.
void add_texts(const json::Value& value, std::vector<std::string>& texts) {
  constexpr auto kWhole =
      std::to_array<std::string_view>({"block_name_to_quantize", "to_quant_block_names"});
  if (value.string() != nullptr) texts.push_back(*value.string());
  if (const auto* items = value.array()) {
    for (const json::Value& item : *items)
      add_texts(item, texts);
  }
  if (const auto* members = value.object()) {
    for (const json::Member& member : *members) {
      if (std::ranges::find(kWhole, member.key) != kWhole.end()) continue;
      texts.emplace_back(member.key);
      add_texts(member.value, texts);
    }
  }
}

// Whether settings may mean a module: by name, by a pattern, or by one that nobody here can read.
class NamedModules {
 public:
  explicit NamedModules(const json::Value& settings) {
    add_texts(settings, texts_);
    for (std::string& text : texts_) {
      for (const std::string_view mark : {"re:", "+:", "-:"}) {
        if (text.starts_with(mark)) text.erase(0, mark.size());
      }
      unreadable_ = unreadable_ || text.find_first_of("(){}|") != std::string::npos;
      if (text.find('*') != std::string::npos) globs_.push_back(as_expression(text));
    }
    for (const auto* list : {&texts_, &globs_}) {
      for (const std::string& text : *list)
        named_.add(text);
    }
  }

  [[nodiscard]] bool may_mean(std::string_view module) const {
    return unreadable_ || named_.contains(module);
  }

 private:
  static std::string as_expression(std::string_view glob) {
    std::string expression;
    for (const char c : glob)
      expression.append(c == '*' ? ".*" : std::string(1, c));
    return expression;
  }

  std::vector<std::string> texts_{};
  std::vector<std::string> globs_{};
  SkippedModules named_{};  // looks into the texts
  bool unreadable_{};
};

bool is_linear_weight(const ExpectedTensor* wanted, const Tensor& tensor) {
  if (wanted == nullptr || wanted->layer < 0 || tensor.shape.size() != 2) return false;
  switch (wanted->role) {
    case Role::kNone:
    case Role::kExpert:
    case Role::kSharedExpert:
      return tensor.name.ends_with(".weight");
    default:
      return false;
  }
}

bool is_plain_float(const Tensor& tensor) {
  return dtype_class(tensor.dtype) == DTypeClass::kFloat && dtype_bits(tensor.dtype) >= 16;
}

}  // namespace

std::vector<const Tensor*> plain_among_quantized(const Checkpoint& checkpoint, const Join& join) {
  std::vector<const Tensor*> found;
  const json::Value* settings = quantization_settings(checkpoint);
  if (settings == nullptr || !is_all_readable(checkpoint)) return found;
  // It quantises what is plain while it loads.
  if (stored_method(*settings) == "torchao") return found;
  std::set<std::string_view> quantized;
  for (const Tensor& tensor : checkpoint.tensors) {
    if (const auto part = quant_part(tensor.name)) quantized.insert(part->module);
  }
  std::unordered_map<std::string, std::size_t> like;  // quantised modules of each name
  for (const std::string_view module : quantized)
    ++like[without_numbers(module)];
  std::unordered_map<std::string, std::vector<const Tensor*>> plain;
  for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const Tensor& tensor = checkpoint.tensors[i];
    if (!is_linear_weight(join.expected_of[i], tensor) || !is_plain_float(tensor)) continue;
    const std::string_view module = module_name(tensor.name);
    if (!quantized.contains(module)) plain[without_numbers(module)].push_back(&tensor);
  }
  const NamedModules named(*settings);
  for (const auto& [name, tensors] : plain) {
    const auto quantised_too = like.find(name);
    if (quantised_too == like.end() || quantised_too->second < tensors.size()) continue;
    std::ranges::copy_if(tensors, std::back_inserter(found), [&](const Tensor* tensor) {
      return !named.may_mean(module_name(tensor->name));
    });
  }
  std::ranges::sort(found, {}, &Tensor::name);
  return found;
}

std::vector<const Tensor*> plain_beside_quantized(const Checkpoint& checkpoint, const Join& join) {
  std::vector<const Tensor*> found;
  if (join.quantization.empty() || join.expected_of.empty()) return found;
  std::set<std::string_view> replaced;
  for (const Tensor& tensor : checkpoint.tensors) {
    const auto part = quant_part(tensor.name);
    const bool known =
        part && (part->form == QuantForm::kGptq || part->form == QuantForm::kCompressed ||
                 part->form == QuantForm::kTorchao);
    if (known && part->whole) replaced.insert(part->module);
  }
  for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const Tensor& tensor = checkpoint.tensors[i];
    const ExpectedTensor* wanted = join.expected_of[i];
    if (wanted == nullptr || wanted->expert >= 0 || !tensor.name.ends_with(".weight")) continue;
    if (is_plain_float(tensor) && replaced.contains(module_name(tensor.name)))
      found.push_back(&tensor);
  }
  return found;
}

}  // namespace shardwright
