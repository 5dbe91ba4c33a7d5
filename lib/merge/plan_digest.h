// A merge's plan by its digest.
#pragma once

#include "base/digest.h"
#include "merge/plan.h"

namespace shardwright {

// Of all that the plan says of the result: method, values, tensors and what they are made of, the
// shards, config and other texts. Two runs with the same plan and the same bytes in their inputs
// write the same result.
Digest digest_of_plan(const MergePlan& plan);

}  // namespace shardwright
