// Changes files of a folder that is there, so that a reader finds the old ones or the new ones, and
// keeps what it replaces for undo. The steps, and what a crash leaves: docs/repair.md.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shardwright/result.h"
#include "write/disk.h"
#include "write/manifest.h"
#include "write/place.h"

namespace shardwright {

class InPlace {
 public:
  // Locks the folder, finishes what a killed run left in it, and makes a folder for the new files.
  // kIo where another run holds it. `disk` must outlive the result.
  static Result<InPlace> begin(const Disk& disk, const std::string& folder);

  // Whether begin(), and publish() of a change of these names, can be had, as far as that is seen
  // without writing.
  static Status accepts(const std::string& folder, std::span<const std::string> names);

  InPlace(InPlace&& other) noexcept;
  InPlace& operator=(InPlace&&) = delete;
  InPlace(const InPlace&) = delete;
  InPlace& operator=(const InPlace&) = delete;
  // Removes what was not published.
  ~InPlace();

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] const std::string& staging() const { return staging_; }  // for the new files

  // The switch. Each file that is replaced or added is in staging() under its name, synced. Of
  // several hidden ones the last comes last.
  // `undoes`: the entry that this change takes back.
  Status publish(std::vector<Change> changes, std::string undoes = {});

 private:
  InPlace(const Disk& disk, std::string folder, std::optional<FolderLock> lock, UndoEntry entry);

  const Disk* disk_;
  std::string folder_;
  std::optional<FolderLock> lock_;
  UndoEntry entry_;
  std::string staging_;
};

// What a killed run left in the folder: finished, or, with `back`, taken back where it had not
// reached its end. Remains of undo and of staging go.
Status recover(const Disk& disk, const std::string& folder, bool back = false);

// Deletes an entry of undo: all of it or nothing, as far as a later run can see.
Status remove_entry(const Disk& disk, const std::string& folder, const std::string& name);

// A switch was stopped half-way: the folder holds no checkpoint until recover().
Result<bool> is_half_switched(const std::string& folder);

}  // namespace shardwright
