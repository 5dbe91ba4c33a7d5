// What routers begin with: a row for each expert, which the experts' prompts make, or chance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "io/source.h"
#include "merge/plan.h"
#include "merge/recipe.h"
#include "merge/view.h"
#include "moe/recipe.h"

namespace shardwright {

// Rows of gates that were made from prompts: of all experts, and then of all shared ones that have
// prompts, for each layer, or once where they are the same for all.
struct GateTable {
  std::size_t layers{}, experts{}, hidden{};
  std::vector<float> rows{};

  [[nodiscard]] std::span<const float> row(std::size_t layer, std::size_t expert) const {
    const std::size_t of = layers == 1 ? 0 : layer;
    return std::span(rows).subspan((of * experts + expert) * hidden, hidden);
  }
};

struct GateTask {
  const MoeRecipe& recipe;
  const MergeInput& base;
  const View& view;  // of the base
};

// None for gates that are random. What stands in the way is told in `mistakes`.
std::optional<GateTable> make_gates(const GateTask& task, std::vector<Mistake>& mistakes);

// The weights of one router, [experts, hidden], or of a shared expert's gate, [1, hidden]: `first`
// is the expert of its first row. Chance goes by the seed and the tensor's name.
std::shared_ptr<const ByteSource> gate_source(const MoeRecipe& recipe,
                                              const std::optional<GateTable>& table,
                                              const ExpectedTensor& router, std::size_t first,
                                              std::uint64_t seed);

}  // namespace shardwright
