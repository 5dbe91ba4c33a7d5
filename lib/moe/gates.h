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
#include "shardwright/progress.h"
#include "shardwright/result.h"

namespace shardwright {

// Rows of gates that were made from prompts: of all experts, and then of all shared ones that have
// prompts, for each layer, or once where they are the same for all.
struct GateTable {
  std::size_t layers{}, experts{}, hidden{};
  std::size_t routed{};         // experts that are chosen among: the first ones
  std::vector<float> rows{};    // of length 1, or zeros
  std::vector<double> norms{};  // of each row, before it got that length
  // Of each row, how long it was before, as a part of the longer of what positive and negative
  // prompts gave: 1 without negative ones.
  std::vector<double> left{};
  GateMode mode{};

  // Of the prompts' tokens, how many parts in a whole would go to each expert in some layer, by
  // what comes to that.
  struct Shares {
    std::size_t layer{};
    std::vector<double> of_experts{};
  };
  std::vector<Shares> shares{};

  [[nodiscard]] std::span<const float> row(std::size_t layer, std::size_t expert) const {
    const std::size_t of = layers == 1 ? 0 : layer;
    return std::span(rows).subspan((of * experts + expert) * hidden, hidden);
  }
};

struct GateTask {
  const MoeRecipe& recipe;
  const MergeInput& base;
  const View& view;  // of the base
  int threads{};     // 0: all available
  std::optional<std::uint64_t> memory_limit{};
  Monitor monitor{};
};

// None for gates that are random. What stands in the way is told in `mistakes`; kInterrupted is the
// only Error.
Result<std::optional<GateTable>> make_gates(const GateTask& task, std::vector<Mistake>& mistakes);

// A row of what positive prompts have and negative ones have not; `negative` is empty where there
// are none. It is added to the table.
void add_row(std::span<const double> positive, std::span<const double> negative, GateTable& table);

// The weights of one router, [experts, hidden], or of a shared expert's gate, [1, hidden]: `first`
// is the expert of its first row. Chance goes by the seed and the tensor's name.
std::shared_ptr<const ByteSource> gate_source(const MoeRecipe& recipe,
                                              const std::optional<GateTable>& table,
                                              const ExpectedTensor& router, std::size_t first,
                                              std::uint64_t seed);

}  // namespace shardwright
