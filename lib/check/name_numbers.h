// The numbers that stand between the dots of a tensor's name.
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

}  // namespace shardwright
