// Which dense architecture an expert of a mixture may be taken out as.
#pragma once

#include <cstdint>
#include <span>

#include "merge/plan.h"
#include "moe/rule.h"
#include "shardwright/result.h"

namespace shardwright {

struct WayBack {
  const MixtureRule* rule{};      // of the mixture's architecture
  const MixtureSource* source{};  // of its `back`
};

// The first of the rule's that the mixture fits. kInvalidArgument where there is none, with the
// reason of each, or where the mixture has no such expert.
Result<WayBack> way_back(const MergeInput& mixture, std::uint64_t expert,
                         std::span<const MixtureRule> rules);

}  // namespace shardwright
