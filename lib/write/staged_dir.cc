#include "write/staged_dir.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "write/carry.h"

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

// Whether there is nothing in it but remains of killed runs, and whether there are any.
struct Emptiness {
  std::string holds{};
  bool remains{};
  bool model{};
};

Result<Emptiness> emptiness(const std::string& target) {
  Emptiness result;
  SW_TRY(const auto listing, open_folder(target));
  for (const FolderEntry& entry : listing->entries()) {
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

Result<StagedDir> StagedDir::create(const Disk& disk, const std::string& target,
                                    Existing existing) {
  SW_TRY(std::string place, place_of(target));
  struct stat status{};
  if (::lstat(place.c_str(), &status) != 0) {
    SW_TRY(StagingFolder staging, make_staging_folder(disk, parent_of(place), last_of(place)));
    return StagedDir(disk, std::move(place), std::move(staging), false, {});
  }
  if (!S_ISDIR(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("output {} is there and is no folder", quoted(place, kShownPath))};
  }
  SW_TRY(const Emptiness found, emptiness(place));
  const std::string name = last_of(place);
  if (!found.holds.empty() && existing == Existing::kRefuse) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("output {} is not empty: it holds {}", quoted(place, kShownPath),
                             quoted(found.holds))};
  }
  if (!found.holds.empty()) {
    SW_TRY_OK(can_be_replaced(place, found));
    SW_TRY(StagingFolder staging, make_staging_folder(disk, parent_of(place), name));
    StagedDir staged(disk, std::move(place), std::move(staging), false, status.st_mode & 07777U);
    staged.replaces_ = true;
    return staged;
  }
  if (found.remains || is_mount_root(place) || is_current_folder(place)) {
    SW_TRY(StagingFolder staging, make_staging_folder(disk, place, name));
    return StagedDir(disk, std::move(place), std::move(staging), true, {});
  }
  SW_TRY(StagingFolder staging, make_staging_folder(disk, parent_of(place), name));
  return StagedDir(disk, std::move(place), std::move(staging), false, status.st_mode & 07777U);
}

StagedDir::StagedDir(const Disk& disk, std::string target, StagingFolder staging, bool inside,
                     std::optional<mode_t> mode)
    : disk_(&disk),
      target_(std::move(target)),
      staging_(std::move(staging)),
      inside_(inside),
      mode_(mode) {}

StagedDir::StagedDir(StagedDir&& other) noexcept
    : disk_(other.disk_),
      target_(std::move(other.target_)),
      staging_(std::exchange(other.staging_, {})),
      inside_(other.inside_),
      mode_(other.mode_),
      replaces_(other.replaces_) {}

StagedDir::~StagedDir() {
  // Nobody can be told of a failure here; the next run with the same target tries again.
  if (!staging_.path.empty()) static_cast<void>(disk_->remove_tree(staging_.path));
}

Status StagedDir::publish(std::span<const std::string> last) {
  if (mode_) SW_TRY_OK(disk_->set_folder_mode(staging_.path, *mode_));
  SW_TRY_OK(sync_folders(*disk_, staging_.path));
  if (inside_) return fill(last);
  if (replaces_) return replace();
  // Over an empty folder rename() is one step too; where something has come into it, it fails.
  SW_TRY_OK(mode_ ? disk_->rename(staging_.path, target_)
                  : disk_->rename_new(staging_.path, target_));
  staging_.path.clear();
  return disk_->sync_folder(parent_of(target_));
}

Status StagedDir::replace() {
  SW_TRY(const bool exchanged, disk_->exchange(staging_.path, target_));
  std::string old = staging_.path;  // its name now
  if (!exchanged) {
    old = target_ + ".replaced";
    SW_TRY_OK(disk_->rename_new(target_, old));
    if (Status moved = disk_->rename_new(staging_.path, target_); !moved) {
      static_cast<void>(disk_->rename(old, target_));
      return moved;
    }
  }
  staging_.path.clear();
  SW_TRY_OK(disk_->sync_folder(parent_of(target_)));
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
  for (std::size_t i = 0; i < names.size(); ++i) {
    Status moved =
        disk_->rename_new(join_path(staging_.path, names[i]), join_path(target_, names[i]));
    if (moved) continue;
    while (i-- > 0) {  // back, so that the target is empty again
      static_cast<void>(
          disk_->rename(join_path(target_, names[i]), join_path(staging_.path, names[i])));
    }
    return moved;
  }
  SW_TRY_OK(disk_->sync_folder(target_));
  SW_TRY_OK(disk_->remove_folder(staging_.path));
  staging_.path.clear();
  return disk_->sync_folder(target_);
}

}  // namespace shardwright
