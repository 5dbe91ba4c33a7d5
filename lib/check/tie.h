// The state of a tied head, resolved from the config and proven by bytes (design of ties:
// docs/repair.md). One place, so that the checks of ties cannot contradict each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "arch/expand.h"
#include "check/data_facts.h"

namespace shardwright {

struct Model;

// A pair of names that the architecture can tie, with the target stored.
struct StoredTie {
  const Tensor* target{};
  const Tensor* source{};  // null where the source is not stored
  TieBytes bytes{};
};

// The pairs whose target is stored, in the rule's order. Where a method of quantisation hides the
// weights, those of which both are stored plain.
std::vector<StoredTie> stored_ties(const Model& model);

}  // namespace shardwright
