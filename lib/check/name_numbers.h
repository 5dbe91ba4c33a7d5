// The numbers in a tensor's name that are a segment by themselves: layers, experts, parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shardwright {

struct NameNumber {
  std::size_t begin{}, end{};  // where it stands
  std::int32_t value{};
};
std::vector<NameNumber> numbers_of(std::string_view name);

// The name with a star in place of each of them: "model.layers.*.mlp.gate.weight".
std::string without_numbers(std::string_view name);

}  // namespace shardwright
