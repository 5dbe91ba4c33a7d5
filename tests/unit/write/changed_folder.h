// A folder that a change in place changes, in each way that there is, and what it is then.
#pragma once

#include <string>
#include <string_view>

#include "shardwright/result.h"
#include "support/temp_dir.h"
#include "unit/write/faults.h"
#include "write/in_place.h"

namespace shardwright::test {

extern const Snapshot kOldFolder;
extern const Snapshot kNewFolder;

void make_old(const std::string& folder);
// The same as the folder `model` in `dir`; its path.
std::string old_model(const TempDir& dir);

Change replaced(const std::string& name, std::string_view text, bool hidden = false);

// One of each kind.
Status change(const Disk& disk, const std::string& folder);
// One file.
Status change_one(const Disk& disk, const std::string& folder);

// No remains beside the folder, and in it only what undo needs.
void check_tidy(const TempDir& dir, bool undoable);

}  // namespace shardwright::test
