// "layers 3 to 5 and 9 are": the keys of a map by layer, for messages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "check/join.h"
#include "check/wording.h"

namespace shardwright {

template <typename T>
std::string layers_text(const ByLayer<T>& layers) {
  std::vector<std::int32_t> numbers;
  for (const auto& [layer, tensors] : layers)
    numbers.push_back(layer);
  return numbers.size() == 1 ? fmt::format("layer {} is", number_runs(numbers))
                             : fmt::format("layers {} are", number_runs(numbers));
}

}  // namespace shardwright
