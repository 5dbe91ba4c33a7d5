// The tensors of a mixture, each made of those of the dense models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/expand.h"
#include "merge/plan.h"
#include "merge/view.h"
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

// Where a tensor of the mixture comes from, for the report.
struct Origin {
  std::optional<std::uint32_t> model{};  // the input that its first part is of
  std::vector<double> given{};  // numbers that are of no file, nor follow from the recipe's text
  std::string why{};
};

struct Composed {
  View view{};                                                // in the form of `expected`
  std::map<std::string_view, Origin> origins{};               // by the tensor's name there
  std::set<std::pair<std::size_t, std::string_view>> used{};  // stored tensors, by input
};

// `plan` gets the sources that tensors are read from. kInvalidArgument where a model lacks a tensor
// or has another shape: names both.
Result<Composed> compose(const ComposeTask& task, MergePlan& plan);

}  // namespace shardwright
