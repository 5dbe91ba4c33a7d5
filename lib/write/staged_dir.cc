#include "write/staged_dir.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "write/carry.h"
#include "write/stopped.h"

namespace shardwright {
namespace {

Result<std::string> place_of(const std::string& target) {
  auto place = real_path(target);
  if (!place && place.error().code == ErrorCode::kNotFound) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("the folder of output {} does not exist", quoted(target, kShownPath))};
  }
  return place;
}

Status settle_at(const Disk& disk, const std::string& target) {
  SW_TRY(const std::string place, place_of(target));
  return settle(disk, place);
}

// Whether there is nothing in it but remains of killed runs, and whether there are any.
struct Emptiness {
  std::string holds{};
  bool remains{};
  bool model{};
};

Result<Emptiness> emptiness(const std::string& target) {
  Emptiness result;
  SW_TRY(const auto listing, open_folder(target));
  const std::set<std::string> moved = moved_in_part(target);
  for (const FolderEntry& entry : listing->entries()) {
    if (moved.contains(entry.name)) continue;
    if (is_staging_name(entry.name)) {
      result.remains = true;
      continue;
    }
    if (result.holds.empty()) result.holds = entry.name;
    result.model |= entry.name == "config.json" || entry.name.ends_with(".safetensors");
  }
  return result;
}

Status can_be_replaced(const std::string& place, const Emptiness& found) {
  std::string_view why;
  if (!found.model) why = "it holds no model";
  if (is_mount_root(place)) why = "it is a mount point";
  if (is_current_folder(place)) why = "it is the current folder";
  if (why.empty()) return ok();
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("output {} is not replaced: {}, and holds {}", quoted(place, kShownPath),
                           why, quoted(found.holds))};
}

}  // namespace

Result<StagedDir::Place> StagedDir::place_for(const std::string& target, Existing existing) {
  SW_TRY(std::string path, place_of(target));
  Place place{.target = std::move(path)};
  struct stat status{};
  if (::lstat(place.target.c_str(), &status) != 0) {
    SW_TRY_OK(is_writable(place.folder()));
    return place;
  }
  if (!S_ISDIR(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("output {} is there and is no folder",
                                                          quoted(place.target, kShownPath))};
  }
  SW_TRY(const Emptiness found, emptiness(place.target));
  if (!found.holds.empty() && existing == Existing::kRefuse) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("output {} is not empty: it holds {}",
                             quoted(place.target, kShownPath), quoted(found.holds))};
  }
  if (!found.holds.empty()) {
    SW_TRY_OK(can_be_replaced(place.target, found));
    place.replaces = true;
  } else {
    place.inside = found.remains || is_mount_root(place.target) ||
                   is_current_folder(place.target) || !may_be_written(parent_of(place.target));
  }
  if (!place.inside) place.mode = status.st_mode & 07777U;
  SW_TRY_OK(is_writable(place.folder()));
  return place;
}

Result<StagedDir> StagedDir::create(const Disk& disk, const std::string& target,
                                    Existing existing) {
  SW_TRY_OK(settle_at(disk, target));
  SW_TRY(Place place, place_for(target, existing));
  SW_TRY(StagingFolder staging, make_staging_folder(disk, place.folder(), last_of(place.target)));
  return StagedDir(disk, std::move(place), std::move(staging));
}

Status StagedDir::accepts(const std::string& target, Existing existing) {
  const auto place = place_for(target, existing);
  return place ? ok() : place.error();
}

Result<std::optional<StagedDir>> StagedDir::resume(
    const Disk& disk, const std::string& target, Existing existing,
    const std::function<bool(const std::string& path)>& picks) {
  SW_TRY_OK(settle_at(disk, target));
  SW_TRY(Place place, place_for(target, existing));
  SW_TRY(auto remains, find_remains(place.folder(), last_of(place.target)));
  const auto found = std::ranges::find_if(
      remains, [&picks](const StagingFolder& folder) { return picks(folder.path); });
  if (found == remains.end()) return std::optional<StagedDir>();
  for (const StagingFolder& other : remains) {
    // As in make_staging_folder(), what cannot be removed is no reason to stop.
    if (other.path != found->path) static_cast<void>(disk.remove_tree(other.path));
  }
  return std::optional(StagedDir(disk, std::move(place), std::move(*found)));
}

std::uint64_t StagedDir::disk_bytes_of_remains(const std::string& target, Existing existing) {
  const auto place = place_for(target, existing);
  if (!place) return 0;
  return shardwright::disk_bytes_of_remains(place->folder(), last_of(place->target));
}

StagedDir::StagedDir(const Disk& disk, Place place, StagingFolder staging)
    : disk_(&disk), place_(std::move(place)), staging_(std::move(staging)) {}

StagedDir::StagedDir(StagedDir&& other) noexcept
    : disk_(other.disk_),
      place_(std::move(other.place_)),
      staging_(std::exchange(other.staging_, {})) {}

StagedDir::~StagedDir() {
  // Nobody can be told of a failure here; the next run with the same target tries again.
  if (!staging_.path.empty()) static_cast<void>(disk_->remove_tree(staging_.path));
}

Status StagedDir::publish(std::span<const std::string> last) {
  if (place_.mode) SW_TRY_OK(disk_->set_folder_mode(staging_.path, *place_.mode));
  SW_TRY_OK(sync_folders(*disk_, staging_.path));
  if (place_.inside) return fill(last);
  if (place_.replaces) return replace();
  // Over an empty folder rename() is one step too; where something has come into it, it fails.
  Status moved = place_.mode ? disk_->rename(staging_.path, place_.target)
                             : disk_->rename_new(staging_.path, place_.target);
  if (!moved && !accepts(place_.target, Existing::kRefuse)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("something has come into output {} meanwhile, another run's result "
                             "perhaps: it stays, and this one is dropped",
                             quoted(place_.target, kShownPath))};
  }
  SW_TRY_OK(std::move(moved));
  staging_.path.clear();
  return disk_->sync_folder(parent_of(place_.target));
}

Status StagedDir::replace() {
  // Of a run that was killed, whose result is what goes now.
  const std::string aside = aside_of(place_.target);
  SW_TRY_OK(disk_->remove_tree(aside));
  SW_TRY(const bool exchanged, disk_->exchange(staging_.path, place_.target));
  std::string old = staging_.path;  // its name now
  if (!exchanged) {
    old = aside;
    SW_TRY(const auto lock, lock_folder(place_.target));
    SW_TRY_OK(disk_->rename_new(place_.target, old));
    if (Status moved = disk_->rename_new(staging_.path, place_.target); !moved) {
      static_cast<void>(disk_->rename(old, place_.target));
      return moved;
    }
  }
  staging_.path.clear();
  SW_TRY_OK(disk_->sync_folder(parent_of(place_.target)));
  return disk_->remove_tree(old);
}

Status StagedDir::fill(std::span<const std::string> last) {
  SW_TRY(const auto listing, open_folder(staging_.path));
  std::vector<std::string> names;
  for (const FolderEntry& entry : listing->entries()) {
    if (std::ranges::find(last, entry.name) == last.end()) names.push_back(entry.name);
  }
  for (const std::string& name : last) {
    if (listing->find(name) != nullptr) names.push_back(name);
  }
  SW_TRY_OK(announce_moves(*disk_, staging_.path, names));
  for (std::size_t i = 0; i < names.size(); ++i) {
    Status moved =
        disk_->rename_new(join_path(staging_.path, names[i]), join_path(place_.target, names[i]));
    if (moved) continue;
    while (i-- > 0) {  // back, so that the target is empty again
      static_cast<void>(
          disk_->rename(join_path(place_.target, names[i]), join_path(staging_.path, names[i])));
    }
    return moved;
  }
  SW_TRY_OK(disk_->sync_folder(place_.target));
  SW_TRY_OK(disk_->remove_tree(staging_.path));  // where it fails, the destructor tries again
  staging_.path.clear();
  return disk_->sync_folder(place_.target);
}

}  // namespace shardwright
