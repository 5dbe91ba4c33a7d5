#include "write/undo.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "write/carry.h"
#include "write/in_place.h"
#include "write/place.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

Error nothing(const std::string& folder) {
  return {ErrorCode::kNotFound,
          fmt::format("there is no repair in place to undo in {}", quoted(folder, 1000))};
}

// What stands in the model is what the repair wrote.
Status is_unchanged(const std::string& folder, const Change& change) {
  if (change.kind == ChangeKind::kKept) return ok();
  const auto listing = open_folder_of(join_path(folder, change.name));
  if (change.kind == ChangeKind::kRemoved) {
    if (!listing) return ok();
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is there again since the repair: move it away before the undo",
                             quoted(change.name))};
  }
  if (listing && (*listing)->entries().front().bytes == change.bytes) {
    const auto digest = digest_of_file(join_path(folder, change.name));
    if (digest && *digest == change.digest) return ok();
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("{} was changed since the repair: move it away, or put the repaired "
                           "file back, before the undo",
                           quoted(change.name))};
}

ChangeKind opposite(ChangeKind kind) {
  if (kind == ChangeKind::kAdded) return ChangeKind::kRemoved;
  if (kind == ChangeKind::kRemoved) return ChangeKind::kAdded;
  return kind;
}

bool brings(const Change& change) {
  return change.kind == ChangeKind::kReplaced || change.kind == ChangeKind::kAdded;
}

std::string kept_at(const UndoEntry& entry, const std::string& name) {
  return join_path(join_path(entry.path, "before"), name);
}

// What takes the entry back, where what it wrote is unchanged and what it kept is there.
Result<std::vector<Change>> reversed(const std::string& place, const UndoEntry& entry) {
  std::vector<Change> changes;
  for (const Change& change : entry.manifest->changes) {
    SW_TRY_OK(is_unchanged(place, change));
    Change reverse{.name = change.name, .kind = opposite(change.kind), .hidden = change.hidden};
    if (brings(reverse)) {
      const std::string kept = kept_at(entry, change.name);
      SW_TRY(const bool there, is_there(kept));
      if (!there) {
        return Error{ErrorCode::kIo,
                     fmt::format("{} is not there any more, and the repair cannot be taken back "
                                 "without it",
                                 quoted(kept, kShownPath))};
      }
    }
    changes.push_back(std::move(reverse));
  }
  return changes;
}

// The old file once more as a new one: a hard link, so that it is the same file again. A copy is
// read before the old one may go.
Status stage_old(const Disk& disk, const std::string& from, const std::string& to) {
  SW_TRY(const bool linked, disk.link(from, to));
  if (linked) return ok();
  CarryCount count;
  SW_TRY_OK(carry_file(disk, from, to, false, {.copy = true}, count));
  SW_TRY(const Digest old, digest_of_file(from));
  SW_TRY(const Digest copy, digest_of_file(to));
  if (copy == old) return ok();
  return Error{ErrorCode::kIo, fmt::format("{} does not hold what was written", quoted(to, 1000))};
}

std::vector<std::string> changed_names(const std::vector<Change>& changes) {
  std::vector<std::string> names;
  for (const Change& change : changes) {
    if (change.kind != ChangeKind::kKept) names.push_back(change.name);
  }
  return names;
}

// An unfinished repair goes back, an unfinished undo goes on.
Status lock_and_recover(const Disk& disk, const std::string& place, bool back) {
  SW_TRY(const auto lock, lock_folder(place));
  return recover(disk, place, back);
}

}  // namespace

Result<std::vector<std::string>> undo_last(const Disk& disk, const std::string& folder,
                                           bool dry_run) {
  SW_TRY(const std::string place, real_path(folder));
  SW_TRY(std::vector<UndoEntry> entries, undo_entries(place));
  std::erase_if(entries, [](const UndoEntry& entry) { return !entry.manifest; });
  if (entries.empty()) {
    // Nothing but what a run left that was killed while it tidied up.
    if (!dry_run && exists(join_path(place, kUndoFolder)))
      SW_TRY_OK(lock_and_recover(disk, place, false));
    return nothing(folder);
  }
  const UndoEntry& last = entries.back();
  const std::vector<std::string> names = changed_names(last.manifest->changes);
  SW_TRY_OK(has_own_folders(place, last));
  SW_TRY_OK(InPlace::accepts(place, names));
  const bool is_undo = !last.manifest->undoes.empty();
  if (!last.manifest->done || is_undo) {
    if (!dry_run) SW_TRY_OK(lock_and_recover(disk, place, !is_undo));
    return names;
  }
  if (dry_run) {
    SW_TRY_OK(reversed(place, last));
    return names;
  }
  SW_TRY(InPlace work, InPlace::begin(disk, place));
  SW_TRY(std::vector<Change> changes, reversed(place, last));
  for (const Change& change : changes) {
    if (!brings(change)) continue;
    SW_TRY_OK(make_folders_above(disk, work.staging(), change.name));
    SW_TRY_OK(stage_old(disk, kept_at(last, change.name), join_path(work.staging(), change.name)));
  }
  SW_TRY_OK(work.publish(std::move(changes), last.name));
  // Done: what is left to finish and to remove, the next run does if this one cannot.
  static_cast<void>(recover(disk, place));
  return names;
}

Status forget_all(const Disk& disk, const std::string& folder, bool dry_run) {
  SW_TRY(const std::string place, real_path(folder));
  // Also of a run that was killed while it forgot, which left no entry.
  if (!exists(join_path(place, kUndoFolder))) return nothing(folder);
  SW_TRY_OK(InPlace::accepts(place, {}));
  if (dry_run) return ok();
  SW_TRY(const auto lock, lock_folder(place));
  SW_TRY_OK(recover(disk, place));
  SW_TRY(const std::vector<UndoEntry> entries, undo_entries(place));
  for (const UndoEntry& entry : entries)
    SW_TRY_OK(remove_entry(disk, place, entry.name));
  return ok();
}

}  // namespace shardwright
