// How one tensor of the result is made: merged, cast or copied, and at which values of the method's
// parameters.
#pragma once

#include <optional>
#include <span>

#include "merge/method.h"
#include "merge/plan.h"
#include "merge/recipe.h"
#include "merge/tensor_mistakes.h"
#include "merge/wanted.h"

namespace shardwright {

struct TensorTask {
  const Recipe& recipe;
  const Method& method;
  std::span<const MergeInput> inputs;
  bool compat{};
};

// Merged where all sources of its slice have it, or those that may lack it do; copied from the base
// (or the first) where no rule knows it, and where it holds whole numbers, the same in all. None
// where it cannot be made: `mistakes` has the reason.
std::optional<PlannedTensor> plan_tensor(const TensorTask& task, const Wanted& wanted,
                                         TensorMistakes& mistakes);

}  // namespace shardwright
