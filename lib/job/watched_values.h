// What the engine saw of tensors' values while it wrote them: a check of the result needs not read
// them again.
#pragma once

#include "check/engine.h"
#include "merge/engine.h"
#include "merge/plan.h"

namespace shardwright {

// Both must outlive the result.
DataRequest watched_values(const MergePlan& plan, const MergeFiles& files);

}  // namespace shardwright
