#include "write/switch.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "write/carry.h"
#include "write/place.h"

namespace shardwright {
namespace {

struct Place {
  std::string path{};
  bool there{};
};

struct Places {
  Place now{}, before{}, after{};
};

Result<Place> look_at(std::string path) {
  SW_TRY(const bool there, is_there(path));
  return Place{std::move(path), there};
}

// Where a file that changes is. A look that fails is an error: a file that was not seen would be
// passed over, and the old one with it.
Result<Places> places_of(const std::string& folder, const UndoEntry& entry, const Change& change) {
  Places places;
  SW_TRY(places.now, look_at(join_path(folder, change.name)));
  SW_TRY(places.before, look_at(join_path(join_path(entry.path, "before"), change.name)));
  SW_TRY(places.after, look_at(join_path(join_path(entry.path, "after"), change.name)));
  return places;
}

class Renames {
 public:
  Renames(const Disk& disk, const std::string& folder, const UndoEntry& entry)
      : disk_(disk), folder_(folder), entry_(entry), before_(join_path(entry.path, "before")) {}

  Status forward() {
    const std::vector<Change>& changes = entry_.manifest->changes;
    const bool one_step = changes.size() == 1;
    if (!exists(before_)) SW_TRY_OK(disk_.make_folder(before_));
    for (const Change& change : changes)
      SW_TRY_OK(make_folders_above(disk_, before_, change.name));
    SW_TRY_OK(one_step ? each(true, &Renames::save) : hide_all(&Renames::hide));
    SW_TRY_OK(disk_.sync_folder(folder_));
    SW_TRY_OK(each(false, &Renames::save));
    SW_TRY_OK(sync_folders(disk_, before_));
    SW_TRY_OK(each(false, &Renames::put_in));
    SW_TRY_OK(sync_parents());
    SW_TRY_OK(each(true, &Renames::put_in));
    return sync_parents();
  }

  // From the middle of forward() to where it began: what was hidden comes back last. What had come
  // to its new place by then leaves first, or an index would stand beside shards of both states.
  Status back() {
    const std::vector<Change>& changes = entry_.manifest->changes;
    bool any_new = false;
    for (const Change& change : changes) {
      SW_TRY(const Places places, places_of(folder_, entry_, change));
      any_new = any_new || is_in(change, places);
    }
    if (changes.size() > 1 && any_new) {
      SW_TRY_OK(hide_all(&Renames::hide_either));
      SW_TRY_OK(disk_.sync_folder(folder_));
    }
    SW_TRY_OK(each(false, &Renames::take_out));
    SW_TRY_OK(sync_parents());
    SW_TRY_OK(each(true, &Renames::take_out));
    SW_TRY_OK(sync_parents());
    // An entry that has a `before` and no manifest would be nobody's.
    SW_TRY_OK(disk_.remove_tree(before_));
    return remove_manifest(disk_, entry_.path);
  }

 private:
  using Step = Status (Renames::*)(const Change&, const Places&);

  Status each(bool hidden, Step step) {
    for (const Change& change : entry_.manifest->changes) {
      if (change.hidden != hidden) continue;
      SW_TRY(const Places places, places_of(folder_, entry_, change));
      SW_TRY_OK((this->*step)(change, places));
    }
    return ok();
  }

  // What comes last leaves first.
  Status hide_all(Step step) {
    const std::vector<Change>& changes = entry_.manifest->changes;
    for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
      if (!change->hidden) continue;
      SW_TRY(const Places places, places_of(folder_, entry_, *change));
      SW_TRY_OK((this->*step)(*change, places));
    }
    return ok();
  }

  // The folders that hold a name that changes.
  Status sync_parents() {
    std::vector<std::string> parents;
    for (const Change& change : entry_.manifest->changes) {
      std::string parent = parent_of(join_path(folder_, change.name));
      if (std::ranges::find(parents, parent) == parents.end()) parents.push_back(std::move(parent));
    }
    for (const std::string& parent : parents)
      SW_TRY_OK(disk_.sync_folder(parent));
    return ok();
  }

  // Is the new state of this one there already? Then nothing may be moved again.
  static bool is_in(const Change& change, const Places& places) {
    switch (change.kind) {
      case ChangeKind::kReplaced:
      case ChangeKind::kAdded:
        return !places.after.there;
      case ChangeKind::kRemoved:
        return places.before.there;
      case ChangeKind::kKept:
        return false;
    }
    return true;
  }

  Status hide(const Change& change, const Places& places) {
    if (is_in(change, places) || places.before.there || !places.now.there) return ok();
    return disk_.rename(places.now.path, places.before.path);
  }

  // On the way back, where it may be the new file that stands there.
  Status hide_either(const Change& change, const Places& places) {
    return shows_new(change, places) ? take_new(places) : hide(change, places);
  }

  static bool shows_new(const Change& change, const Places& places) {
    const bool brings = change.kind == ChangeKind::kReplaced || change.kind == ChangeKind::kAdded;
    return brings && !places.after.there && places.now.there;
  }

  Status take_new(const Places& places) { return disk_.rename(places.now.path, places.after.path); }

  // A second name for the old file, so that the new one can take its name in one step.
  Status save(const Change& change, const Places& places) {
    if (change.kind != ChangeKind::kReplaced || is_in(change, places) || places.before.there ||
        !places.now.there) {
      return ok();
    }
    SW_TRY(const bool linked, disk_.link(places.now.path, places.before.path));
    return linked ? ok() : disk_.rename(places.now.path, places.before.path);
  }

  Status put_in(const Change& change, const Places& places) {
    switch (change.kind) {
      case ChangeKind::kReplaced:
        return is_in(change, places) ? ok() : disk_.rename(places.after.path, places.now.path);
      case ChangeKind::kAdded:
        return is_in(change, places) ? ok() : disk_.rename_new(places.after.path, places.now.path);
      case ChangeKind::kRemoved:
        if (is_in(change, places) || !places.now.there) return ok();
        return disk_.rename(places.now.path, places.before.path);
      case ChangeKind::kKept:
        return bring_back(places);
    }
    return ok();
  }

  // The opposite of save, hide and put_in, wherever they stopped.
  Status take_out(const Change& change, const Places& places) {
    if (shows_new(change, places)) SW_TRY_OK(take_new(places));
    // Where both are still names of one file, this does nothing, as it should.
    return bring_back(places);
  }

  Status bring_back(const Places& places) {
    return places.before.there ? disk_.rename(places.before.path, places.now.path) : ok();
  }

  const Disk& disk_;
  const std::string& folder_;
  const UndoEntry& entry_;
  std::string before_;
};

// Held by the lock of the folder: one at a time, so the name needs nothing random.
std::string other_folder(const std::string& folder) {
  return join_path(parent_of(folder), fmt::format(".{}.shardwright-exchange", last_of(folder)));
}

// The folder as it is to be, under `other`.
Result<bool> build_other(const Disk& disk, const std::string& folder, const std::string& other,
                         const UndoEntry& entry) {
  const std::vector<Change>& changes = entry.manifest->changes;
  const auto changed = [&](std::string_view name) {
    return name == kUndoFolder || std::ranges::any_of(changes, [&](const Change& change) {
             return change.kind != ChangeKind::kKept && change.name == name;
           });
  };
  SW_TRY(bool linked, link_folder(disk, folder, other, changed));
  for (const Change& change : changes) {
    if (change.kind != ChangeKind::kReplaced && change.kind != ChangeKind::kAdded) continue;
    if (!linked) return false;
    const std::string after = join_path(join_path(entry.path, "after"), change.name);
    SW_TRY_OK(make_folders_above(disk, other, change.name));
    SW_TRY(linked, disk.link(after, join_path(other, change.name)));
  }
  if (!linked) return false;
  const std::string undo = join_path(other, kUndoFolder);
  SW_TRY_OK(disk.make_folder(undo));
  SW_TRY(linked, link_folder(disk, join_path(folder, kUndoFolder), undo,
                             [&](std::string_view name) { return name == entry.name; }));
  if (!linked) return false;
  const std::string own = join_path(undo, entry.name);
  SW_TRY_OK(disk.make_folder(own));
  Manifest manifest = *entry.manifest;
  manifest.done = true;
  SW_TRY_OK(write_manifest(disk, own, manifest));
  SW_TRY_OK(sync_folders(disk, other));
  return true;
}

// The old folder, which now lies beside the new one, into the entry.
Status keep_old(const Disk& disk, const std::string& folder, const std::string& entry_name) {
  const std::string entry = join_path(join_path(folder, kUndoFolder), entry_name);
  const std::string before = join_path(entry, "before");
  SW_TRY_OK(disk.rename(other_folder(folder), before));
  SW_TRY_OK(disk.sync_folder(entry));
  SW_TRY_OK(disk.sync_folder(parent_of(folder)));
  // The new folder has all entries too.
  return disk.remove_tree(join_path(before, kUndoFolder));
}

}  // namespace

bool switch_by_exchange(const Disk& disk, const std::string& folder, const UndoEntry& entry) {
  if (is_mount_root(folder) || is_current_folder(folder)) return false;
  const std::string other = other_folder(folder);
  if (exists(other) || !disk.make_folder(other, 0700)) return false;
  std::optional<FolderLock> lock;  // of what will be the folder
  if (auto taken = FolderLock::take(other)) lock.emplace(std::move(*taken));
  const auto built = build_other(disk, folder, other, entry);
  bool exchanged = false;
  if (built && *built) {
    const auto done = disk.exchange(other, folder);
    exchanged = done && *done;
  }
  if (!exchanged) {
    if (!disk.remove_tree(other)) static_cast<void>(disk.remove_tree(other));
    return false;
  }
  // The new checkpoint is there: what fails from here on is done by the next run.
  if (disk.sync_folder(parent_of(folder))) static_cast<void>(keep_old(disk, folder, entry.name));
  return true;
}

Status switch_by_rename(const Disk& disk, const std::string& folder, const UndoEntry& entry) {
  Renames renames(disk, folder, entry);
  if (Status done = renames.forward(); !done) {
    if (renames.back()) return done;
    return std::move(done).error().within(
        "the switch stopped half-way ('repair --in-place' finishes it, 'repair --undo' takes it "
        "back)");
  }
  // The new checkpoint is there: what fails from here on is done by the next run.
  Manifest manifest = *entry.manifest;
  manifest.done = true;
  if (write_manifest(disk, entry.path, manifest)) {
    static_cast<void>(disk.remove_tree(join_path(entry.path, "after")));
  }
  return ok();
}

Status switch_back(const Disk& disk, const std::string& folder, const UndoEntry& entry) {
  return Renames(disk, folder, entry).back();
}

Status finish_exchange(const Disk& disk, const std::string& folder,
                       const std::vector<UndoEntry>& entries) {
  const std::string other = other_folder(folder);
  const FolderEntry left = describe_path(other);
  if (left.kind == EntryKind::kAbsent) return ok();
  if (left.kind == EntryKind::kOther && left.inode == 0) {
    return Error{ErrorCode::kIo, fmt::format("{} cannot be looked at", quoted(other, kShownPath))};
  }
  if (left.kind != EntryKind::kFolder || left.is_link) return ok();  // not what we made
  for (const UndoEntry& entry : entries) {
    if (!entry.manifest) continue;
    if (!entry.manifest->done) return disk.remove_tree(other);  // it was never exchanged
    SW_TRY(const bool known, is_there(join_path(join_path(other, kUndoFolder), entry.name)));
    SW_TRY(const bool has_old, is_there(join_path(entry.path, "before")));
    if (known && !has_old) return keep_old(disk, folder, entry.name);
  }
  return ok();  // nothing tells what it is: it stays
}

}  // namespace shardwright
