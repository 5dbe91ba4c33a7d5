// What the inputs of a merge are to each other.
#pragma once

#include <span>
#include <vector>

#include "job/merge_model.h"
#include "merge/recipe.h"
#include "shardwright/finding.h"

namespace shardwright {

// Findings of the MG checks over the models that are merged, each beside the one whose config the
// result gets. What the recipe itself settles (dtypes, depth) is not compared.
std::vector<Finding> compare_inputs(const Recipe& recipe, std::span<const MergeModel> models);

}  // namespace shardwright
