// A merge by the text of a recipe, wherever that comes from.
#pragma once

#include <string>
#include <vector>

#include "merge/recipe.h"
#include "shardwright/merge_job.h"
#include "shardwright/result.h"

namespace shardwright {

// As merge(); `name` stands for the recipe in messages.
Result<MergeReport> merge_by_text(const std::string& name, const std::string& text,
                                  const MergeOptions& options);

// With their places.
std::vector<RecipeProblem> problems_of(const std::vector<Mistake>& mistakes);

}  // namespace shardwright
