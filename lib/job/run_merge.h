// What jobs that merge share.
#pragma once

#include <span>
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

// What is left of a run that is prepared: says what writing takes, and writes, unless something
// stands in its way or it is a dry one. `plans`: as MergeRun::foresee() takes them. Where writing
// was stopped, the error says what helps.
Status carry_out(MergeRun& run, std::span<const MergePlan* const> plans,
                 const MergeOptions& options);

// With their places.
std::vector<RecipeProblem> problems_of(const std::vector<Mistake>& mistakes);

}  // namespace shardwright
