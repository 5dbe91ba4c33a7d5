// The plan of a mixture: another planner for what carries out merges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/catalogue.h"
#include "merge/plan.h"
#include "moe/recipe.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"

namespace shardwright {

struct MixtureOptions {
  std::uint64_t max_shard_size{5'000'000'000};  // bytes of tensors
  std::uint64_t seed{};
  std::string layout{};        // of the result; empty: the hub's
  std::string architecture{};  // in place of the recipe's
  // Of the forward pass that some gates need:
  int threads{};  // 0: all available
  std::optional<std::uint64_t> memory_limit{};
  Monitor monitor{};
};

// The plan, or all that stands in its way. The inputs are those of models_of(), in that order; they
// and the catalogue must outlive the plan.
Planned plan_mixture(const MoeRecipe& recipe, std::vector<MergeInput> inputs,
                     const Catalogue& catalogue, const MixtureOptions& options);

}  // namespace shardwright
