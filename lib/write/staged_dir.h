// A folder that is built aside and appears whole or not at all.
//
// It is built beside its target, on the same file system, and renamed to it in one step. A target
// that cannot be renamed over (a mount point, the current folder, one beside which nothing may be
// made) is filled from a folder inside it, with the names that make a model of it last.
#pragma once

#include <cstdint>
#include <functional>
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

  // Whether create() would take the target as it is now, and may write there.
  static Status accepts(const std::string& target, Existing existing);

  // What a killed run left for the same target, and `picks` takes by its path; none where there is
  // nothing such, and then nothing is changed; otherwise all other remains go. kIo where another
  // run is at work there.
  static Result<std::optional<StagedDir>> resume(
      const Disk& disk, const std::string& target, Existing existing,
      const std::function<bool(const std::string& path)>& picks);

  // Bytes of the disk that are free again, or used, once one of the two was called.
  static std::uint64_t disk_bytes_of_remains(const std::string& target, Existing existing);

  StagedDir(StagedDir&& other) noexcept;
  StagedDir& operator=(StagedDir&&) = delete;
  StagedDir(const StagedDir&) = delete;
  StagedDir& operator=(const StagedDir&) = delete;
  // Removes what was not published, unless it is kept.
  ~StagedDir();

  // What is there stays as it is, for resume().
  void keep() { staging_.path.clear(); }

  [[nodiscard]] const std::string& path() const { return staging_.path; }  // to build in
  [[nodiscard]] const std::string& target() const { return place_.target; }

  // Syncs the folders and moves the result to its place; its files have been synced. `last` names
  // what goes last, in this order, where the target is filled name by name. A model that is
  // replaced is there until the result is; where the file system cannot exchange the two, it is
  // ".TARGET.shardwright-replaced" for a moment, from where the next run brings it back.
  Status publish(std::span<const std::string> last = {});

 private:
  // Where a folder is staged, and what becomes of the one that is there.
  struct Place {
    std::string target{};
    bool inside{};                 // of the target
    std::optional<mode_t> mode{};  // of the folder that is replaced
    bool replaces{};               // and it holds a model
    [[nodiscard]] std::string folder() const { return inside ? target : parent_of(target); }
  };
  static Result<Place> place_for(const std::string& target, Existing existing);

  StagedDir(const Disk& disk, Place place, StagingFolder staging);

  Status fill(std::span<const std::string> last);
  Status replace();

  const Disk* disk_;
  Place place_;
  StagingFolder staging_;
};

}  // namespace shardwright
