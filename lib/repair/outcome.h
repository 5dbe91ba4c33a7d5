// What the files of a checkpoint will be: the sum of a repair, against the folder it began with.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/folder.h"
#include "write/planned_file.h"

namespace shardwright {

// One file that a round of the plan makes, moves or removes; names are those before the round.
struct FileChange {
  std::string from{};                            // empty: it is new
  std::string to{};                              // empty: it goes
  std::shared_ptr<const PlannedFile> content{};  // null: it only moves
};

struct OutcomeFile {
  std::shared_ptr<const PlannedFile> content{};  // null: the bytes of `was`
  std::string was{};  // the file of the first folder whose successor this is; empty: none
};

struct Outcome {
  std::map<std::string, OutcomeFile> files{};  // by name to come: all that differ from the folder
  std::set<std::string>
      gone{};  // names of the folder that are not there any more, or not as they were

  [[nodiscard]] bool empty() const { return files.empty() && gone.empty(); }
  // Names of the folder without a successor of that name.
  [[nodiscard]] std::vector<std::string> removed() const;

  void add(const std::vector<FileChange>& changes);
};

// The folder as it will be, without a byte written: `folder` must outlive it.
std::unique_ptr<Folder> preview(const Folder& folder, const Outcome& outcome);

}  // namespace shardwright
