// The tensors of a mixture, each made of those of the dense models.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "arch/expand.h"
#include "merge/plan.h"
#include "merge/view.h"
#include "moe/composed.h"
#include "moe/gates.h"
#include "moe/recipe.h"
#include "moe/rule.h"
#include "shardwright/result.h"

namespace shardwright {

struct ComposeTask {
  const MoeRecipe& recipe;
  const MixtureRule& rule;
  std::span<const MergeInput> inputs;  // the base first
  std::span<const View> views;         // by input, with the names that the rule has for them
  const Expansion& expected;           // of the mixture
  const std::optional<GateTable>& gates;
  std::uint64_t seed{};
};

// `plan` gets the sources that tensors are read from. kInvalidArgument where a model lacks a tensor
// or has another shape: names both.
Result<Composed> compose(const ComposeTask& task, MergePlan& plan);

}  // namespace shardwright
