// Puts files that do not change into the folder of a result: shared, linked or copied.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/meter.h"
#include "shardwright/result.h"
#include "write/disk.h"

namespace shardwright {

struct CarryCount {
  std::uint64_t written{};                  // bytes copied
  std::uint64_t linked{};                   // bytes of files that are shared or linked
  std::vector<std::string> linked_files{};  // their paths in the result
  std::vector<std::string> left_out{};      // "'x': why", for what is no file and no folder
};

struct CarryOptions {
  bool copy{};  // neither share nor link
  int threads{};
  Meter* meter{};
  // Files of which this is true stay behind; by name relative to the folder carried.
  std::function<bool(std::string_view name)> skip{};
  // Files of which this is true may be linked although they lie in somebody's cache: nobody edits
  // them in place.
  std::function<bool(std::string_view name)> is_weights{};
};

// One file to the new path `to`, with its mode. `outside`: it was reached through a link that
// leads out of the model, and may be linked only if `weights`.
Status carry_file(const Disk& disk, const std::string& from, const std::string& to, bool may_link,
                  const CarryOptions& options, CarryCount& count);

// Gives a file that this program made the owner of the one that it takes the place of (`was`, or
// empty), where the system permits it.
Status keep_owner(const Disk& disk, const std::string& was, const std::string& path);

// All files of the folder `from` and its sub-folders into the folder `to`, which exists. Symbolic
// links are resolved. What belongs to repair itself (undo, remains of killed runs) stays behind.
Status carry_folder(const Disk& disk, const std::string& from, const std::string& to,
                    const CarryOptions& options, CarryCount& count);

// The same files once more under `to`, which exists: hard links of everything, links as links,
// modes and owners of folders as they are. False where something cannot be linked; then `to` holds
// a part.
Result<bool> link_folder(const Disk& disk, const std::string& from, const std::string& to,
                         const std::function<bool(std::string_view name)>& skip);

// Syncs the folder and all folders below it.
Status sync_folders(const Disk& disk, const std::string& path);

}  // namespace shardwright
