// A plan in the words of a report.
#pragma once

#include <span>

#include "job/merge_model.h"
#include "merge/plan.h"
#include "shardwright/merge_job.h"

namespace shardwright {

// Sets what the report says of the plan: its tensors, shards, sizes, passes, digest, and every
// tensor that is dropped. `models`: the plan's inputs.
void describe_plan(const MergePlan& plan, std::span<const MergeModel> models, MergeReport& report);

}  // namespace shardwright
