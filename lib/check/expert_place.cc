#include "check/expert_place.h"

#include <string>
#include <vector>

#include "check/name_numbers.h"
#include "check/quant_name.h"

namespace shardwright {

std::optional<ExpertPlace> place_beyond(const Expansion& expected, std::string_view name) {
  if (expected.experts.value_or(0) == 0) return std::nullopt;
  const auto part = quant_part(name);
  const std::string weight = part ? weight_of_part(*part) : std::string();
  const std::vector<NameNumber> numbers = numbers_of(name);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (static_cast<std::uint64_t>(numbers[i].value) < *expected.experts) continue;
    const ExpectedTensor* sibling = expected.find(with_number(name, numbers[i], 0));
    if (sibling == nullptr && numbers[i].end < weight.size())
      sibling = expected.find(with_number(weight, numbers[i], 0));
    // The first number of a name in a layer is the layer's.
    if (sibling == nullptr || sibling->expert != 0 || (sibling->layer >= 0 && i == 0)) continue;
    return ExpertPlace{sibling->layer, numbers[i].value};
  }
  return std::nullopt;
}

}  // namespace shardwright
