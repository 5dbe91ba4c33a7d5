// What jobs that merge share.
#pragma once

#include <string>
#include <vector>

#include "job/merge_run.h"
#include "merge/recipe.h"
#include "shardwright/merge_job.h"
#include "shardwright/result.h"

namespace shardwright {

// As merge(); `name` stands for the recipe in messages.
Result<MergeReport> merge_by_text(const std::string& name, const std::string& text,
                                  const MergeOptions& options);

Result<std::string> read_recipe_text(const std::string& path);

// With what helps where writing was stopped: by the user, or by a disk that others fill meanwhile.
Error with_remedy(Error error, MergeRun& run);

// With their places.
std::vector<RecipeProblem> problems_of(const std::vector<Mistake>& mistakes);

}  // namespace shardwright
