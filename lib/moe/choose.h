// Which architecture the mixture of these models has, and why no other.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/catalogue.h"
#include "merge/plan.h"
#include "moe/recipe.h"
#include "moe/rule.h"

namespace shardwright {

struct MixtureChoice {
  const MixtureRule* rule{};
  std::string why{};  // for the report
};

// The base comes first among the inputs. Of the rules with an order (mergekit's four) the first
// that takes these models and shared experts; another where the recipe or `named` says so, or where
// none of the four takes models of the base's kind. A recipe that lacks no more than shared experts
// is told so, and no other architecture is tried. None: `mistakes` says which were considered, and
// why each does not do.
std::optional<MixtureChoice> choose_mixture(const MoeRecipe& recipe, std::string_view named,
                                            std::span<const MergeInput> inputs,
                                            std::span<const MixtureRule> rules,
                                            const Catalogue& catalogue,
                                            std::vector<Mistake>& mistakes);

// Why the model, which has a rule and a config, does not do: of each condition that holds, or that
// its config does not decide.
std::vector<std::string> reasons_against(const MergeInput& input,
                                         std::span<const MixtureRefusal> refusals);

}  // namespace shardwright
