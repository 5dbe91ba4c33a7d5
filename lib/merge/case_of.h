// A tensor of a plan as a program sees it.
#pragma once

#include <optional>

#include "merge/method.h"
#include "merge/plan.h"

namespace shardwright {

// `draws` as MergeCase has them. The plan must outlive the result.
inline MergeCase case_of(const MergePlan& plan, const PlannedTensor& tensor, std::uint64_t draws) {
  return {
      .name = tensor.name,
      .shape = tensor.shape,
      .elements = tensor.elements,
      .inputs = tensor.inputs.size(),
      .base = tensor.base,
      .globals = tensor.globals,
      .values = tensor.values,
      .seed = plan.seed,
      .round_to = tensor.round_to,
      .draws = draws,
  };
}

}  // namespace shardwright
