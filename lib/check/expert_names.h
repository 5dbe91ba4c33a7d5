// Experts as the names of tensors tell of them, for architectures that no rule describes:
// "….experts.N.…".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace shardwright {

struct Model;

// The experts of one layer: for each number the tensors by what stands behind it in their names.
struct NamedExperts {
  std::string_view under{};  // "decoder.blocks.3.moe.experts."
  std::map<std::int32_t, std::map<std::string_view, const Tensor*>> experts{};

  // All numbers from 0 to the last are there.
  [[nodiscard]] bool is_whole() const {
    return static_cast<std::size_t>(experts.rbegin()->first) + 1 == experts.size();
  }
};

// Layers whose names differ in numbers alone, in the checkpoint's order.
using NamedLayers = std::vector<NamedExperts>;

// Those of the loaded tensors; none where a rule tells more, where not all tensors can be listed,
// and of an adapter, which may be for some experts alone.
std::vector<NamedLayers> named_experts(const Model& model);

}  // namespace shardwright
