// The switch of a repair in place: from the old files of a folder to the new ones.
//
// An entry of `.shardwright-undo` holds the new files in `after/` and gets the old ones in
// `before/`. docs/repair.md says what a reader sees at each step.
#pragma once

#include <string>
#include <vector>

#include "shardwright/result.h"
#include "write/disk.h"
#include "write/manifest.h"

namespace shardwright {

// One step: a second folder with hard links to all that stays changes places with `folder`, and the
// old one becomes `before/`. False where that cannot be, or any step of it failed: then nothing has
// happened.
bool switch_by_exchange(const Disk& disk, const std::string& folder, const UndoEntry& entry);

// File by file. Stopped anywhere, it goes on where it was when it is called again. Where a step
// fails, all is put back, and the entry loses its manifest: an error with a manifest still there
// means that this failed too.
Status switch_by_rename(const Disk& disk, const std::string& folder, const UndoEntry& entry);

// Takes a switch by rename back that was stopped before its end.
Status switch_back(const Disk& disk, const std::string& folder, const UndoEntry& entry);

// What a run that was killed during switch_by_exchange left beside the folder: the old folder
// becomes `before/` of the entry that it belongs to, an unfinished new one goes.
Status finish_exchange(const Disk& disk, const std::string& folder,
                       const std::vector<UndoEntry>& entries);

}  // namespace shardwright
