// `shardwright experts` as library calls.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shardwright/merge_job.h"
#include "shardwright/result.h"

namespace shardwright {

// The mixture of experts `model` without those that `keep` does not name, as merge() writes what it
// makes. Of the options `compat`, `seed` and `copy_tokenizer` mean nothing here.
Result<MergeReport> experts_prune(const std::string& model, const std::vector<std::uint64_t>& keep,
                                  const MergeOptions& options);

// The dense model that has the mixture's attention, norms, embedding and head, and that expert's
// MLPs; as experts_prune().
Result<MergeReport> experts_split(const std::string& model, std::uint64_t expert,
                                  const MergeOptions& options);

}  // namespace shardwright
