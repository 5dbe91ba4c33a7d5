#include "check/router_rows.h"

#include <fmt/format.h>

#include "check/check.h"
#include "check/wording.h"

namespace shardwright {

std::vector<RouterRows> router_rows(const Model& model) {
  std::vector<RouterRows> found;
  for (std::size_t i = 0; i < model.data.rows.size(); ++i) {
    const Tensor& tensor = model.checkpoint.tensors[i];
    const ExpectedTensor* expected = model.join.compared ? model.expected_of(tensor) : nullptr;
    const auto& facts = model.data.rows[i];
    if (!facts || expected == nullptr || expected->role != Role::kRouter) continue;
    if (model.expected->per_token.value_or(0) >= facts->rows) continue;
    found.push_back({expected, &tensor, &*facts});
  }
  return found;
}

std::string experts_text(const std::vector<std::uint32_t>& experts) {
  const std::vector<std::int32_t> numbers(experts.begin(), experts.end());
  return fmt::format("expert{} {}", experts.size() == 1 ? "" : "s", number_runs(numbers));
}

}  // namespace shardwright
