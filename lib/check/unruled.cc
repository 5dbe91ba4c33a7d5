#include "check/unruled.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "check/config_types.h"
#include "check/join_explain.h"
#include "check/purpose.h"
#include "check/quantization.h"

namespace shardwright {
namespace {

// NeMo's wrapper, of which transformers has a class.
constexpr std::string_view kOfNemo = "_fp32_params.";
// Data parallel training puts it before every name. Some classes have a module of that name inside.
constexpr std::string_view kParallel = "module.";

// What torch puts before all names of what it wraps: no class has its own parameters there.
constexpr auto kOfTorch = std::to_array<std::string_view>(
    {"_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_orig_mod."});

bool is_of_torch(std::string_view segment) {
  return std::ranges::find(kOfTorch, segment) != kOfTorch.end();
}

bool stands_before_all(std::span<const std::string> names, std::string_view segment) {
  return std::ranges::all_of(names, [&](const std::string& name) {
    return name.starts_with(segment) && name.find(segment, segment.size()) == std::string::npos;
  });
}

void find_wrappers(const Checkpoint& checkpoint, Join& join) {
  std::vector<std::string> names;
  for (const std::string_view name : names_of(checkpoint))
    names.emplace_back(name);
  for (std::string& segment : wrappers_in(checkpoint)) {
    if (segment == kParallel || segment == kOfNemo) continue;
    if (join.unruled->of_transformers ||
        (is_of_torch(segment) && stands_before_all(names, segment)))
      join.wrappers.push_back(std::move(segment));
  }
  for (std::string& name : names)
    name = without_wrappers(name, join.wrappers);
  if (join.unruled->of_transformers && stands_before_all(names, kParallel)) {
    join.wrappers.emplace_back(kParallel);
    for (std::string& name : names)
      name.erase(0, kParallel.size());
  }
  const std::unordered_set<std::string_view> distinct(names.begin(), names.end());
  join.wrappers_exact = distinct.size() == names.size();
}

// Code of its own may add what an adapter has to its layers, and load it so.
void find_adapter(const Checkpoint& checkpoint, Join& join) {
  if (std::ranges::none_of(checkpoint.tensors,
                           [](const Tensor& tensor) { return is_adapter_name(tensor.name); }))
    return;
  // With what the adapter stands beside.
  for (const Tensor& tensor : checkpoint.tensors) {
    const std::string_view name = tensor.name;
    if (is_adapter_name(name) || name.find(".base_layer.") != std::string_view::npos)
      join.adapter.push_back(&tensor);
  }
}

}  // namespace

Join join_without_rule(const Checkpoint& checkpoint, const Detection& detection) {
  Join join;
  if (detection.model_type.empty() || is_adapter(checkpoint) || checkpoint.tensors.empty())
    return join;
  const bool has_code = checkpoint.config_value()->find("auto_map") != nullptr;
  join.unruled = Unruled{.of_transformers = !has_code && is_model_type(detection.model_type)};
  read_quantization(checkpoint, join);
  join.quantization.clear();  // what it hides is what a rule would know
  find_empty(checkpoint, *join.unruled);
  if (join.unruled->of_transformers) {
    find_adapter(checkpoint, join);
    find_odd_dtypes(checkpoint, join);
    find_other_rows(checkpoint, detection.model_type, *join.unruled);
    find_embedding(checkpoint, detection.model_type, *join.unruled);
    find_tied_head(checkpoint, detection.model_type, *join.unruled);
    find_gaps(checkpoint, *join.unruled);
    find_problems(checkpoint, detection.model_type, *join.unruled);
  }
  if (join.adapter.empty()) find_wrappers(checkpoint, join);
  return join;
}

std::vector<std::string> outer_wrappers(const Checkpoint& checkpoint) {
  std::vector<std::string> wrappers;
  if (checkpoint.tensors.empty()) return wrappers;
  std::vector<std::string> names;
  for (const std::string_view name : names_of(checkpoint))
    names.emplace_back(name);
  for (bool found = true; found;) {
    found = false;
    for (std::string& segment : wrappers_in(checkpoint)) {
      if (!(is_of_torch(segment) || segment == kParallel) || !stands_before_all(names, segment))
        continue;
      for (std::string& name : names)
        name.erase(0, segment.size());
      wrappers.push_back(std::move(segment));
      found = true;
    }
  }
  return wrappers;
}

Join join_without_config(std::vector<std::string> wrappers, bool is_known_behind) {
  Join join;
  if (!is_known_behind) std::erase(wrappers, kParallel);
  if (wrappers.empty()) return join;
  join.unruled = Unruled{};
  join.wrappers = std::move(wrappers);
  join.wrappers_exact = true;
  return join;
}

std::optional<Severity> severity_without_rule(const Join& join) {
  if (!join.unruled || join.unruled->of_transformers) return std::nullopt;
  return Severity::kWarning;
}

}  // namespace shardwright
