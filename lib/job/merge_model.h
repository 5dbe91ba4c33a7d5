// A model that a recipe names: opened, checked, with its adapter, and as the planner sees it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "arch/catalogue.h"
#include "job/check_model.h"
#include "merge/adapt.h"
#include "merge/dequantize.h"
#include "merge/plan.h"
#include "merge/recipe.h"
#include "shardwright/check_job.h"
#include "shardwright/result.h"

namespace shardwright {

struct MergeModel {
  ModelRef ref{};
  std::shared_ptr<CheckedModel> checked{};
  const MergePlan* made_by{};  // of another document of the recipe; null: files hold the model
  std::optional<Dequantization> dequantized{};  // where it is quantised
  std::unique_ptr<CheckedModel> adapter{};      // null: it has none
  std::optional<Adaptation> adaptation{};       // once adapt_model() has made it

  [[nodiscard]] const Checkpoint& checkpoint() const { return checked->model.checkpoint; }
};

// Opens and checks the model and its adapter; both may be pickled. Whether a stored head repeats
// the embedding is proven, not sampled: it decides what is merged.
Result<MergeModel> open_merge_model(const ModelRef& ref, std::shared_ptr<const Catalogue> catalogue,
                                    const CheckOptions& options);

// The same of a model that is open already.
Result<MergeModel> merge_model_of(const ModelRef& ref, std::shared_ptr<CheckedModel> checked,
                                  std::shared_ptr<const Catalogue> catalogue,
                                  const CheckOptions& options);

// Fits the adapter's pairs to their targets, if there is an adapter.
Status adapt_model(MergeModel& model, bool compat);

// The model as the planner sees it, with what adapt_model() made; points into `model`.
MergeInput merge_input(const MergeModel& model);

}  // namespace shardwright
