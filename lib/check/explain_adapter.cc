#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>

#include "check/join_explain.h"

namespace shardwright {
namespace {

constexpr std::string_view kSaved = "modules_to_save.";
constexpr std::string_view kOriginal = "original_module.";

bool is_product(std::string_view name) {
  return name.starts_with("lora_") || name.find(".lora_") != std::string_view::npos;
}

bool is_copy(std::string_view name) {
  return name.find(kSaved) != std::string_view::npos ||
         name.find(kOriginal) != std::string_view::npos;
}

// The name that the model gives to what an adapter stands beside.
std::string bare_of_adapter(std::string_view name) {
  static const std::array<std::string, 2> wrappers = {"base_model.model.", "base_layer."};
  std::string result = without_wrappers(name, wrappers);
  if (const std::size_t at = result.find(kOriginal); at != std::string::npos)
    result.erase(at, kOriginal.size());
  if (const std::size_t at = result.find(kSaved); at != std::string::npos) {
    // The name of the adapter follows, but in the files that PEFT writes.
    const std::size_t dot = result.find('.', at + kSaved.size());
    const bool named = dot != std::string::npos && result.substr(at + kSaved.size()) != "weight";
    result.erase(at, named ? dot + 1 - at : kSaved.size());
  }
  return result;
}

}  // namespace

bool is_adapter_name(std::string_view name) {
  return is_product(name) || is_copy(name);
}

void explain_adapter(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const auto is_of_adapter = [](const Tensor* tensor) { return is_adapter_name(tensor->name); };
  if (std::ranges::none_of(join.unexpected, is_of_adapter)) return;
  std::unordered_set<const Tensor*> stored;
  std::unordered_set<const ExpectedTensor*> found;
  for (const Tensor* tensor : join.unexpected) {
    if (is_product(tensor->name)) {
      stored.insert(tensor);
      continue;
    }
    const std::string name = bare_of_adapter(tensor->name);
    if (name == tensor->name) continue;
    stored.insert(tensor);
    if (const ExpectedTensor* wanted = expected.find(name)) found.insert(wanted);
  }
  join.adapter.assign(stored.begin(), stored.end());
  std::ranges::sort(join.adapter);  // all are of one list: in its order
  std::erase_if(join.unexpected, [&](const Tensor* tensor) { return stored.contains(tensor); });
  std::erase_if(join.missing, [&](const ExpectedTensor* wanted) { return found.contains(wanted); });
  // Nothing but an adapter: that the whole model is missing is no second cause.
  if (stored.size() == checkpoint.tensors.size() && found.empty()) join.missing.clear();
}

}  // namespace shardwright
