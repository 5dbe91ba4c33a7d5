// The models that a merge reads: opened and checked, with their adapters, and away from its output.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/catalogue.h"
#include "job/check_model.h"
#include "job/merge_model.h"
#include "merge/plan.h"
#include "merge/recipe.h"
#include "shardwright/check_job.h"
#include "shardwright/merge_job.h"
#include "shardwright/result.h"

namespace shardwright {

// What another document of the recipe makes.
struct MadeModel {
  std::shared_ptr<CheckedModel> checked{};
  const MergePlan* plan{};
};

// The model that a document of that name makes; none where the name is a path.
using MadeModels = std::function<std::optional<MadeModel>(const std::string& name)>;

// Opens and checks the models and their adapters, each as `check` says but for the architecture
// that it is given. The report gets what was found, and as problems of the recipe what cannot be
// merged; an error where the run was stopped.
Result<std::vector<MergeModel>> open_models(std::span<const ModelRef> refs, const MadeModels& made,
                                            const std::shared_ptr<const Catalogue>& catalogue,
                                            const CheckOptions& check, MergeReport& report);

// Nothing is written into an input, nor around one: kInvalidArgument where it would be.
Status keep_apart(const MergeOptions& options, std::span<const MergeModel> models);

// Fits the pairs of adapters to their targets. Where one has none, the report says so and refuses.
Status apply_adapters(std::span<MergeModel> models, bool compat, MergeReport& report);

}  // namespace shardwright
