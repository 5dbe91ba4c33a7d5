// A folder that is built aside and appears whole or not at all.
//
// It is built beside its target, on the same file system, and renamed to it in one step. A target
// that cannot be renamed over (a mount point, the current folder) is filled from a folder inside
// it, with the names that make a model of it last.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "shardwright/result.h"
#include "write/disk.h"
#include "write/place.h"

namespace shardwright {

class StagedDir {
 public:
  // `target` must be absent or an empty folder (remains of killed runs do not count, and go).
  // kInvalidArgument where it is anything else. `disk` must outlive the result.
  static Result<StagedDir> create(const Disk& disk, const std::string& target);

  StagedDir(StagedDir&& other) noexcept;
  StagedDir& operator=(StagedDir&&) = delete;
  StagedDir(const StagedDir&) = delete;
  StagedDir& operator=(const StagedDir&) = delete;
  // Removes what was not published.
  ~StagedDir();

  [[nodiscard]] const std::string& path() const { return staging_.path; }  // to build in
  [[nodiscard]] const std::string& target() const { return target_; }

  // Syncs the folders and moves the result to its place; its files have been synced. `last` names
  // what goes last, in this order, where the target is filled name by name.
  Status publish(std::span<const std::string> last = {});

 private:
  StagedDir(const Disk& disk, std::string target, StagingFolder staging, bool inside,
            std::optional<mode_t> mode);

  Status fill(std::span<const std::string> last);

  const Disk* disk_;
  std::string target_;
  StagingFolder staging_;
  bool inside_{};
  std::optional<mode_t> mode_;  // of the empty folder that is replaced
};

}  // namespace shardwright
