// "layers 3 to 5 and 9 are": the keys of a map by layer, for messages.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "check/join.h"

namespace shardwright {

template <typename T>
std::string layers_text(const ByLayer<T>& layers) {
  std::vector<std::pair<std::int32_t, std::int32_t>> runs;
  for (const auto& [layer, tensors] : layers) {
    if (!runs.empty() && runs.back().second + 1 == layer) {
      runs.back().second = layer;
    } else {
      runs.emplace_back(layer, layer);
    }
  }
  std::vector<std::string> parts;
  for (const auto& [first, last] : runs) {
    parts.push_back(first == last       ? std::to_string(first)
                    : first + 1 == last ? fmt::format("{} and {}", first, last)
                                        : fmt::format("{} to {}", first, last));
  }
  return layers.size() == 1 ? fmt::format("layer {} is", parts.front())
                            : fmt::format("layers {} are", fmt::join(parts, ", "));
}

}  // namespace shardwright
