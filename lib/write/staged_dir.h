// A folder that is built aside and appears whole or not at all.
//
// It is built beside its target, on the same file system, and renamed to it in one step. A target
// that cannot be renamed over (a mount point, the current folder) is filled from a folder inside
// it, with the names that make a model of it last.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "shardwright/result.h"
#include "write/disk.h"
#include "write/place.h"

namespace shardwright {

// What becomes of a target that is not empty.
enum class Existing : std::uint8_t {
  kRefuse,
  kReplaceModel,  // a folder with a config.json or a .safetensors file goes once the result is
                  // there
};

class StagedDir {
 public:
  // `target` must be absent or an empty folder (remains of killed runs do not count, and go), or
  // what `existing` allows. kInvalidArgument where it is anything else. `disk` must outlive the
  // result.
  static Result<StagedDir> create(const Disk& disk, const std::string& target,
                                  Existing existing = Existing::kRefuse);

  StagedDir(StagedDir&& other) noexcept;
  StagedDir& operator=(StagedDir&&) = delete;
  StagedDir(const StagedDir&) = delete;
  StagedDir& operator=(const StagedDir&) = delete;
  // Removes what was not published.
  ~StagedDir();

  [[nodiscard]] const std::string& path() const { return staging_.path; }  // to build in
  [[nodiscard]] const std::string& target() const { return target_; }

  // Syncs the folders and moves the result to its place; its files have been synced. `last` names
  // what goes last, in this order, where the target is filled name by name. A model that is
  // replaced is there until the result is; where the file system cannot exchange the two, it is
  // "TARGET.replaced" for a moment.
  Status publish(std::span<const std::string> last = {});

 private:
  StagedDir(const Disk& disk, std::string target, StagingFolder staging, bool inside,
            std::optional<mode_t> mode);

  Status fill(std::span<const std::string> last);
  Status replace();

  const Disk* disk_;
  std::string target_;
  StagingFolder staging_;
  bool inside_{};
  std::optional<mode_t> mode_;  // of the folder that is replaced
  bool replaces_{};             // and it holds a model
};

}  // namespace shardwright
