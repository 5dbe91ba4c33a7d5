// What routers begin with: a row for each expert, which the experts' prompts make, or chance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
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
  // Of the prompts' tokens, how many parts in a whole would go to each expert, by what they are
  // before the first layer; without shared experts.
  std::vector<double> shares{};

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

// Rows whose cosine is above this are hard to tell apart for what comes to the router.
inline constexpr double kHardToTell = 0.95;

// What a reader of the report would want to know of them.
std::vector<std::string> describe_gates(const GateTable& table);

// The weights of one router, [experts, hidden], or of a shared expert's gate, [1, hidden]: `first`
// is the expert of its first row. Chance goes by the seed and the tensor's name.
std::shared_ptr<const ByteSource> gate_source(const MoeRecipe& recipe,
                                              const std::optional<GateTable>& table,
                                              const ExpectedTensor& router, std::size_t first,
                                              std::uint64_t seed);

}  // namespace shardwright
