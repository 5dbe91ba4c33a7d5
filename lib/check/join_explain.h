// Single causes that explain many names at once. Private to join.cc and unruled.cc.
#pragma once

#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "check/join.h"

namespace shardwright {

template <typename T>
void erase_explained(std::vector<const T*>& list, const std::unordered_set<const T*>& explained) {
  std::erase_if(list, [&](const T* item) { return explained.contains(item); });
}

// Whether PEFT gives such a name to a tensor of an adapter, or to a copy that it keeps of a module.
bool is_adapter_name(std::string_view name);
// The first of both.
bool is_adapter_product(std::string_view name);

// Each moves what it explains out of `missing`, `unexpected` and `mismatched`.
void explain_quantization(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_adapter(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_wrappers(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
// The same of a checkpoint whose weights are stored in parts.
void explain_wrapped_parts(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_ties(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_prefixes(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
// Some text before all names, that nobody knows.
void explain_outer_prefix(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_class(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_renames(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_shapes(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_settings(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_numbering(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_layouts(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_division(Join& join);
void explain_experts(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_layers(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
// After it: whether the number of layers that are stored, in the config, explains all.
void explain_depth(const Checkpoint& checkpoint, const Expansion& expected, Join& join);

}  // namespace shardwright
