#include "moe/gates.h"

#include <cmath>
#include <string>

#include <fmt/format.h>

#include "merge/random.h"
#include "moe/sources.h"
#include "tensor/shape.h"

namespace shardwright {

std::optional<GateTable> make_gates(const GateTask& task, std::vector<Mistake>& mistakes) {
  const GateMode mode = task.recipe.gate;
  if (mode == GateMode::kRandom || mode == GateMode::kUniform) return std::nullopt;
  mistakes.push_back(
      {task.recipe.gate_at, fmt::format("gates by '{}' are not built yet; 'random' and "
                                        "'uniform_random' are",
                                        gate_mode_name(mode))});
  return std::nullopt;
}

std::shared_ptr<const ByteSource> gate_source(const MoeRecipe& recipe,
                                              const std::optional<GateTable>& table,
                                              const ExpectedTensor& router, std::size_t first,
                                              std::uint64_t seed) {
  const std::uint64_t rows = router.shape.front();
  const std::uint64_t hidden = router.shape.back();
  if (table) {
    std::vector<float> values;
    for (std::size_t i = 0; i < rows; ++i) {
      const auto row = table->row(static_cast<std::size_t>(router.layer), first + i);
      values.insert(values.end(), row.begin(), row.end());
    }
    return given_source(std::move(values));
  }
  const double bound =
      recipe.gate == GateMode::kUniform ? 1 / std::sqrt(static_cast<double>(hidden)) : 0;
  return random_source(rows * hidden, random_key(seed, router.name, 0), bound);
}

}  // namespace shardwright
