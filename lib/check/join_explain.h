// Single causes that explain many names at once. Private to join.cc.
#pragma once

#include <unordered_set>
#include <vector>

#include "check/join.h"

namespace shardwright {

template <typename T>
void erase_explained(std::vector<const T*>& list, const std::unordered_set<const T*>& explained) {
  std::erase_if(list, [&](const T* item) { return explained.contains(item); });
}

// Each moves what it explains out of `missing`, `unexpected` and `mismatched`.
void explain_wrappers(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_ties(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_prefixes(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_layouts(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_experts(const Checkpoint& checkpoint, const Expansion& expected, Join& join);
void explain_layers(const Checkpoint& checkpoint, const Expansion& expected, Join& join);

}  // namespace shardwright
