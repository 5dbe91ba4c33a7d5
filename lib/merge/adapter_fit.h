// The pairs of an adapter, fitted to the tensors that they change.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "merge/adapted_source.h"
#include "merge/adapter.h"
#include "merge/adapter_target.h"
#include "shardwright/result.h"

namespace shardwright {

// What a pair adds to one tensor of the base.
struct FittedPart {
  std::string_view name{};
  const Tensor* tensor{};
  std::uint64_t columns{};
  std::vector<LowRank> products{};
};

struct FittedPair {
  const AdapterPair* pair{};
  float scale{};
  bool transposed{};                // the base stores [in, out]
  std::vector<FittedPart> parts{};  // at least one
};

// Every pair is fitted, or is a problem that names its tensors, both shapes, and what helps. An
// Error where a pattern of the config cannot be followed.
Result<std::vector<FittedPair>> fit_pairs(const Adapter& adapter, TargetFinder& finder,
                                          std::vector<std::string>& problems);

}  // namespace shardwright
