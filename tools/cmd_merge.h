// `shardwright merge`.
#pragma once

#include <string>

#include "shardwright/merge_job.h"
#include "tools/command.h"

namespace shardwright {

extern const Command kMergeCommand;

// Sets the memory limit from "2GB" and the like.
Status set_limit(MergeOptions& options, const std::string& text);

// Prints what became of a merge, and gives the exit code of it.
int tell_merge(const MergeReport& report, const MergeOptions& options, bool json, bool quiet,
               Terminal& terminal);

}  // namespace shardwright
