// The plan of a dense model that has one expert of a mixture.
#pragma once

#include <cstdint>
#include <string>

#include "arch/catalogue.h"
#include "merge/plan.h"

namespace shardwright {

struct SplitRequest {
  std::uint64_t expert{};
  std::uint64_t max_shard_size{5'000'000'000};  // bytes of tensors
  std::string layout{};                         // of the result; empty: the hub's
};

// Attention, norms, embedding and head are those of the mixture, the MLPs those of the expert;
// which architecture that is, rules/moe says. The plan, or what stands in its way. The input and
// the catalogue must outlive the plan.
Planned plan_split(const SplitRequest& request, MergeInput model, const Catalogue& catalogue);

}  // namespace shardwright
