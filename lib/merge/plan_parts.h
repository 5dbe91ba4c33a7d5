// What the planners of merges and of mixtures share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "merge/plan.h"
#include "merge/recipe.h"

namespace shardwright {

// A note for each input whose weights are dequantised as they are read; a mistake for each that
// cannot be.
void tell_quantized(std::span<const MergeInput> inputs, MergePlan& plan,
                    std::vector<Mistake>& mistakes);

// Puts the tensors in the order in which they are written, and into shards of so many bytes; counts
// what is read and written.
void order_and_split(MergePlan& plan, std::uint64_t max_shard_size);

}  // namespace shardwright
