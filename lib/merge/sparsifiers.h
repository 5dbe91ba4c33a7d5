// What the methods of task_vectors.h keep of a delta.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "merge/task_vectors.h"

namespace shardwright {

// By the rows `density`, and `gamma` or `epsilon`, of the method's parameters. Densities of 1 and
// more keep all, those of 0 nothing. Where nothing is dropped of any delta, none of these makes a
// sparsifier.

// The largest magnitudes, as many as the density says, at least one (TIES).
std::unique_ptr<Sparsifier> keep_largest(const MergeCase& merge_case);
// As many, but below the largest share of `gamma` (Breadcrumbs: Davari and Belilovsky, 2023).
std::unique_ptr<Sparsifier> keep_middle(const MergeCase& merge_case);
// Each with the same probability (DARE: Yu et al., 2023).
std::unique_ptr<Sparsifier> keep_random(const MergeCase& merge_case);
// Each with a probability between density - epsilon for the smallest magnitude of a row and density
// + epsilon for the largest (DELLA: Deep, Bhardwaj and Poria, 2024). kInvalidArgument where that is
// none.
Result<std::unique_ptr<Sparsifier>> keep_ranked(const MergeCase& merge_case);

// Numbers of the peer's generator that either of the last two takes.
std::uint64_t draws_of(const MergeCase& merge_case);

// --- parameters of methods that differ in the election alone -------------------------------------

namespace task {

constexpr std::array<ParameterRow, 6> random_rows() {
  return {int8_mask(), normalize(false), rescale(true),
          lambda(),    weight(),         density("probability with which a difference is kept")};
}

constexpr std::array<ParameterRow, 7> middle_rows() {
  return {int8_mask(),
          normalize(false),
          rescale(false),
          lambda(),
          weight(),
          density("share of the differences that is kept"),
          share("gamma", 0.01, "share of the largest differences that is dropped")};
}

constexpr std::array<ParameterRow, 7> ranked_rows(bool normalized) {
  return {int8_mask(),
          normalize(normalized),
          rescale(true),
          lambda(),
          weight(),
          density("mean probability with which a difference is kept"),
          share("epsilon", 0.15, "how far chances go below and above the density")};
}

}  // namespace task
}  // namespace shardwright
