// What a run leaves that is killed while it publishes a folder, and how the next run settles it:
// what stood at the target before stands there again, or the whole result does.
#pragma once

#include <set>
#include <span>
#include <string>

#include "shardwright/result.h"
#include "write/disk.h"

namespace shardwright {

// Where a model that is replaced steps aside to, if it and its successor cannot be exchanged.
std::string aside_of(const std::string& target);

// Says in the folder `staging`, which lies in the target, which names are moved from there into it.
Status announce_moves(const Disk& disk, const std::string& staging,
                      std::span<const std::string> names);

// The names in the target that a killed run has moved there, where it has not moved all.
std::set<std::string> moved_in_part(const std::string& target);

// `target` is a real path. kIo where another run is at work in what was left.
Status settle(const Disk& disk, const std::string& target);

}  // namespace shardwright
