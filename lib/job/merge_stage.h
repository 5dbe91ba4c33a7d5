// The folder that a merge writes into before it is published: a new one, or that of a killed run,
// which is gone on with.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shardwright/merge_job.h"
#include "shardwright/result.h"
#include "write/disk.h"
#include "write/journal.h"
#include "write/staged_dir.h"

namespace shardwright {

struct MergeStage {
  StagedDir dir;
  std::optional<JournalContents> earlier{};  // of the run that is gone on with
};

Existing existing_of(const MergeOptions& options);

// Whether stage_merge() would take the output as it is now, which a dry run asks.
Status accepts_result(const MergeOptions& options);

// `now`: what the bytes of this merge depend on. kInvalidArgument where it is to go on with a run
// that was another merge; a note where there is none to go on with.
Result<MergeStage> stage_merge(const Disk& disk, const MergeOptions& options,
                               std::span<const PlanFact> now, std::vector<std::string>& notes);

// Removes all that a killed run wrote beside its journal and so many shards: it is written anew.
Status clear_beside_shards(const Disk& disk, const std::string& folder, std::size_t shards);

}  // namespace shardwright
