// What the methods of task_vectors.h keep of a delta.
#pragma once

#include <memory>
#include <span>

#include "merge/task_vectors.h"

namespace shardwright {

// Densities of 1 and more keep all, those of 0 nothing. Where nothing is dropped of any delta, none
// of these makes a sparsifier.

// The largest magnitudes, as many as the density says, at least one (TIES).
std::unique_ptr<Sparsifier> keep_largest(const MergeCase& merge_case,
                                         std::span<const double> densities);
// As many, but below the largest share of `gammas` (Breadcrumbs: Davari and Belilovsky, 2023).
std::unique_ptr<Sparsifier> keep_middle(const MergeCase& merge_case,
                                        std::span<const double> densities,
                                        std::span<const double> gammas);
// Each with the same probability (DARE: Yu et al., 2023).
std::unique_ptr<Sparsifier> keep_random(const MergeCase& merge_case,
                                        std::span<const double> densities);
// Each with a probability between density - epsilon for the smallest magnitude of a row and density
// + epsilon for the largest (DELLA: Deep, Bhardwaj and Poria, 2024).
std::unique_ptr<Sparsifier> keep_ranked(const MergeCase& merge_case,
                                        std::span<const double> densities,
                                        std::span<const double> epsilons);

// Numbers of the peer's generator that either of the last two takes.
std::uint64_t draws_of(const MergeCase& merge_case);

}  // namespace shardwright
