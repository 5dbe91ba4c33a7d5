#include "write/in_place.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "write/carry.h"
#include "write/switch.h"

namespace shardwright {
namespace {

constexpr std::string_view kGoing = "removing-";

// Remains of remove_entry, and the folder where it is empty.
Status tidy(const Disk& disk, const std::string& folder) {
  const std::string undo = join_path(folder, kUndoFolder);
  const auto listing = open_folder(undo);
  if (!listing && listing.error().code == ErrorCode::kNotFound) return ok();
  if (!listing) return listing.error();
  std::size_t left = (*listing)->entries().size();
  for (const FolderEntry& entry : (*listing)->entries()) {
    if (!entry.name.starts_with(kGoing)) continue;
    SW_TRY_OK(disk.remove_tree(join_path(undo, entry.name)));
    --left;
  }
  if (left > 0) return ok();
  SW_TRY_OK(disk.remove_folder(undo));
  return disk.sync_folder(folder);
}

}  // namespace

// Out of the way in one step, so that a run that is killed here leaves no half of an entry.
Status remove_entry(const Disk& disk, const std::string& folder, const std::string& name) {
  const std::string undo = join_path(folder, kUndoFolder);
  const std::string going = join_path(undo, std::string(kGoing) + name);
  SW_TRY(const bool there, is_there(join_path(undo, name)));
  if (!there) return ok();
  SW_TRY_OK(disk.remove_tree(going));
  SW_TRY_OK(disk.rename(join_path(undo, name), going));
  SW_TRY_OK(disk.sync_folder(undo));
  SW_TRY_OK(disk.remove_tree(going));
  return tidy(disk, folder);
}

Status recover(const Disk& disk, const std::string& folder, bool back) {
  SW_TRY(const std::vector<UndoEntry> entries, undo_entries(folder));
  SW_TRY_OK(finish_exchange(disk, folder, entries));
  for (const UndoEntry& entry : entries) {
    if (!entry.manifest) {
      // Staged and never switched; with old files in it, it is not ours to judge.
      SW_TRY(const bool has_old, is_there(join_path(entry.path, "before")));
      if (!has_old) SW_TRY_OK(remove_entry(disk, folder, entry.name));
    } else if (!entry.manifest->done && back) {
      SW_TRY_OK(switch_back(disk, folder, entry));
      SW_TRY_OK(remove_entry(disk, folder, entry.name));
    } else if (!entry.manifest->done) {
      SW_TRY_OK(switch_by_rename(disk, folder, entry));
    } else {
      // What a switch that is done may have left.
      SW_TRY_OK(disk.remove_tree(join_path(entry.path, "after")));
      SW_TRY_OK(disk.remove_tree(join_path(join_path(entry.path, "before"), kUndoFolder)));
    }
    if (entry.manifest && !entry.manifest->undoes.empty() && (entry.manifest->done || !back)) {
      SW_TRY_OK(remove_entry(disk, folder, entry.manifest->undoes));
      SW_TRY_OK(remove_entry(disk, folder, entry.name));
    }
  }
  return tidy(disk, folder);
}

Result<bool> is_half_switched(const std::string& folder) {
  SW_TRY(const std::vector<UndoEntry> entries, undo_entries(folder));
  return std::ranges::any_of(
      entries, [](const UndoEntry& entry) { return entry.manifest && !entry.manifest->done; });
}

Result<InPlace> InPlace::begin(const Disk& disk, const std::string& folder) {
  SW_TRY(std::string place, real_path(folder));
  SW_TRY(auto lock, lock_folder(place));
  SW_TRY_OK(recover(disk, place));
  SW_TRY(const std::vector<UndoEntry> entries, undo_entries(place));
  std::uint64_t number = 1;
  if (!entries.empty()) number = parse_u64(entries.back().name).value_or(0) + 1;
  const std::string undo = join_path(place, kUndoFolder);
  if (!exists(undo)) SW_TRY_OK(disk.make_folder(undo));
  UndoEntry entry{.name = fmt::format("{:04}", number)};
  entry.path = join_path(undo, entry.name);
  InPlace result(disk, std::move(place), std::move(lock), std::move(entry));
  SW_TRY_OK(disk.make_folder(result.entry_.path));
  SW_TRY_OK(disk.make_folder(result.staging_));
  return result;
}

Status InPlace::accepts(const std::string& folder, std::span<const std::string> names) {
  SW_TRY(const std::string place, real_path(folder));
  SW_TRY_OK(undo_entries(place));
  std::set<std::string> folders = {place, join_path(place, kUndoFolder)};
  for (const std::string& name : names) {
    SW_TRY_OK(has_own_folders(place, name));
    folders.insert(parent_of(join_path(place, name)));
  }
  for (const std::string& one : folders) {
    if (exists(one)) SW_TRY_OK(is_writable(one));
  }
  return ok();
}

InPlace::InPlace(const Disk& disk, std::string folder, std::optional<FolderLock> lock,
                 UndoEntry entry)
    : disk_(&disk),
      folder_(std::move(folder)),
      lock_(std::move(lock)),
      entry_(std::move(entry)),
      staging_(join_path(entry_.path, "after")) {}

InPlace::InPlace(InPlace&& other) noexcept
    : disk_(other.disk_),
      folder_(std::move(other.folder_)),
      lock_(std::exchange(other.lock_, std::nullopt)),
      entry_(std::exchange(other.entry_, {})),
      staging_(std::move(other.staging_)) {}

InPlace::~InPlace() {
  // Nobody can be told of a failure here; the next run tries again. With a manifest it is a
  // published change, or one that recover() must finish.
  if (entry_.path.empty()) return;
  const auto published = is_there(join_path(entry_.path, "manifest.json"));
  if (!published || *published) return;
  static_cast<void>(remove_entry(*disk_, folder_, entry_.name));
  static_cast<void>(tidy(*disk_, folder_));
}

Status InPlace::publish(std::vector<Change> changes, std::string undoes) {
  for (const Change& change : changes) {
    if (find_invalid_utf8(change.name) == std::string::npos) continue;
    return Error{ErrorCode::kUnsupported,
                 fmt::format("the file name {} is not UTF-8", quoted(change.name))};
  }
  std::ranges::stable_sort(changes, {}, &Change::hidden);
  entry_.manifest = Manifest{.undoes = std::move(undoes), .changes = std::move(changes)};
  SW_TRY_OK(sync_folders(*disk_, staging_));
  SW_TRY_OK(disk_->sync_folder(parent_of(entry_.path)));
  SW_TRY_OK(disk_->sync_folder(folder_));
  if (Status written = write_manifest(*disk_, entry_.path, *entry_.manifest); !written) {
    static_cast<void>(remove_manifest(*disk_, entry_.path));
    return written;
  }
  const bool one_step = entry_.manifest->changes.size() == 1;
  if (!one_step && switch_by_exchange(*disk_, folder_, entry_)) return ok();
  return switch_by_rename(*disk_, folder_, entry_);
}

}  // namespace shardwright
