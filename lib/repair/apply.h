// The files of an outcome, written where they can be verified before anybody sees them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/meter.h"
#include "checkpoint/checkpoint.h"
#include "repair/outcome.h"
#include "shardwright/result.h"
#include "write/disk.h"
#include "write/in_place.h"

namespace shardwright {

struct StageOptions {
  bool copy{};  // never link
  int threads{};
  Meter* meter{};
};

struct StageCount {
  std::uint64_t written{};                  // bytes
  std::uint64_t linked{};                   // bytes of files that are shared or linked
  std::vector<std::string> linked_files{};  // their paths in the result
  std::vector<std::string> left_out{};      // what could not be carried: "'x': why"
};

// The whole checkpoint with the outcome into the folder `to`: what changes is written, all else
// carried.
Result<StageCount> stage_folder(const Disk& disk, const Checkpoint& checkpoint,
                                const Outcome& outcome, const std::string& to,
                                const StageOptions& options);

// What changes alone, into the staging folder of a change in place: the changes to publish.
Result<std::vector<Change>> stage_changes(const Disk& disk, const Checkpoint& checkpoint,
                                          const Outcome& outcome, const InPlace& work,
                                          const StageOptions& options, StageCount& count);

// The names with which a loader begins, in the order in which they are to appear.
std::vector<std::string> entry_names(const Checkpoint& checkpoint);

// Bytes that stage_*() will write for the outcome, for a meter.
std::uint64_t bytes_to_write(const Outcome& outcome);

}  // namespace shardwright
