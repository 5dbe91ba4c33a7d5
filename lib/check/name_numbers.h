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

// In the order of the name; "01" and "3a" are none.
std::vector<NameNumber> numbers_of(std::string_view name);

// The name with another number in that place.
std::string with_number(std::string_view name, const NameNumber& number, std::int64_t value);

// The name with a star in place of each of them: "model.layers.*.mlp.gate.weight".
std::string without_numbers(std::string_view name);

}  // namespace shardwright
