#include <algorithm>
#include <cstddef>

#include "merge/recipe.h"

namespace shardwright {
namespace {

double between(const std::vector<double>& values, double t) {
  const double place = t * static_cast<double>(values.size() - 1);
  const auto left = static_cast<std::size_t>(place);
  const std::size_t right = std::min(values.size() - 1, left + 1);
  const double share = place - static_cast<double>(left);
  return (1 - share) * values[left] + share * values[right];
}

}  // namespace

std::optional<double> evaluate(const Parameter& parameter, std::string_view tensor, double t) {
  for (const Condition& condition : parameter.conditions) {
    if (condition.filter != "*" && tensor.find(condition.filter) == std::string_view::npos)
      continue;
    return between(condition.values, std::clamp(t, 0.0, 1.0));
  }
  return std::nullopt;
}

}  // namespace shardwright
