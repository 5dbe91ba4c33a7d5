// The plan of a mixture of which only some experts are kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "merge/plan.h"

namespace shardwright {

struct PruneRequest {
  std::vector<std::uint64_t> keep{};            // in any order
  std::uint64_t max_shard_size{5'000'000'000};  // bytes of tensors
  std::string layout{};                         // of the result; empty: that of the model
};

// The experts that are kept are numbered anew, in the order of their old numbers; routers, their
// biases and all else that has an extent of experts loses what belongs to the others. The plan, or
// what stands in its way. The input must outlive the plan.
Planned plan_prune(const PruneRequest& request, MergeInput model);

}  // namespace shardwright
