// Takes the last repair in place back.
#pragma once

#include <string>
#include <vector>

#include "shardwright/result.h"
#include "write/disk.h"

namespace shardwright {

// Puts back what the last repair in place replaced or removed, takes away what it added, and
// removes its entry: returns the names of these files. kNotFound where there is nothing to undo,
// kInvalidArgument where a file that the repair wrote was changed since. With `dry_run` nothing
// happens, and all that can be known without writing is asked.
Result<std::vector<std::string>> undo_last(const Disk& disk, const std::string& folder,
                                           bool dry_run);

// Deletes what is kept for undo. kNotFound where there is nothing. `dry_run` as above.
Status forget_all(const Disk& disk, const std::string& folder, bool dry_run = false);

}  // namespace shardwright
