#include "write/carry.h"

#include <sys/stat.h>

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "write/place.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

bool is_ours(std::string_view name) {
  return name == kUndoFolder || is_staging_name(name);
}

// The whole file as shared blocks; false where that cannot be, and then there is no file.
Result<bool> share_file(const Disk& disk, const ByteSource& from, const std::string& to,
                        const FileMode& mode) {
  SW_TRY(const OutFile file, disk.create(to));
  constexpr std::uint64_t kToTheEnd = 0;
  SW_TRY(const bool shared, disk.share(file, 0, from.descriptor(), 0, kToTheEnd));
  if (!shared) {
    SW_TRY_OK(disk.remove(to));
    return false;
  }
  SW_TRY_OK(disk.set_mode(file, mode));
  SW_TRY_OK(disk.sync(file));
  return true;
}

class Carrier {
 public:
  Carrier(const Disk& disk, const CarryOptions& options, CarryCount& count)
      : disk_(disk), options_(options), count_(count) {}

  Status file(const std::string& from, const std::string& to, bool may_link) {
    struct stat status{};
    if (::stat(from.c_str(), &status) != 0) {
      return Error{ErrorCode::kIo, fmt::format("{} went away", quoted(from, 1000))};
    }
    const auto bytes = static_cast<std::uint64_t>(status.st_size);
    const FileMode mode{status.st_mode & 07777U, status.st_uid, status.st_gid};
    if (!options_.copy) {
      SW_TRY(const bool placed, share_or_link(from, to, mode, may_link));
      if (placed) {
        count_.linked += bytes;
        count_.linked_files.push_back(to);
        if (options_.meter != nullptr) options_.meter->add(bytes);
        return ok();
      }
    }
    SW_TRY(const auto source, open_file(from));
    PlannedFile copy{std::string()};
    copy.append(*source, 0, source->size());
    SW_TRY(
        const WriteCount written,
        write_file(
            disk_, to, copy,
            {.threads = options_.threads, .mode = mode, .share = false, .meter = options_.meter}));
    count_.written += written.written;
    return ok();
  }

  // `name` is the folder's name relative to the model, "" for the model itself.
  Status folder(const std::string& from, const std::string& to, const std::string& name) {
    SW_TRY(const auto listing, open_folder(from));
    for (const FolderEntry& entry : listing->entries()) {
      const std::string inner = name.empty() ? entry.name : name + "/" + entry.name;
      if (is_ours(entry.name) || (options_.skip && options_.skip(inner))) continue;
      if (entry.kind == EntryKind::kFile) {
        SW_TRY_OK(one_file(entry, from, to, inner));
      } else if (entry.kind == EntryKind::kFolder) {
        SW_TRY_OK(sub_folder(entry, from, to, inner));
      } else if (entry.kind == EntryKind::kOther && entry.inode == 0) {
        return Error{ErrorCode::kIo, fmt::format("{} cannot be looked at",
                                                 quoted(join_path(from, entry.name), kShownPath))};
      } else {
        leave_out(inner, entry.kind == EntryKind::kDangling ? "a link that leads nowhere"
                                                            : "no file and no folder");
      }
    }
    return ok();
  }

  void set_root(std::string root) { root_ = std::move(root); }

 private:
  Result<bool> share_or_link(const std::string& from, const std::string& to, const FileMode& mode,
                             bool may_link) {
    if (can_share_) {
      const auto source = open_file(from);
      if (source) {
        SW_TRY(can_share_, share_file(disk_, **source, to, mode));
        if (can_share_) return true;
      }
    }
    if (!may_link) return false;
    SW_TRY(const std::string real, real_path(from));  // never a link to a link
    return disk_.link(real, to);
  }

  Status one_file(const FolderEntry& entry, const std::string& from, const std::string& to,
                  const std::string& inner) {
    const std::string path = join_path(from, entry.name);
    bool may_link = true;
    if (entry.is_link) {
      SW_TRY(const std::string real, real_path(path));
      may_link = is_within(real, root_) || (options_.is_weights && options_.is_weights(inner));
    }
    return file(path, join_path(to, entry.name), may_link);
  }

  Status sub_folder(const FolderEntry& entry, const std::string& from, const std::string& to,
                    const std::string& inner) {
    SW_TRY(const std::string real, real_path(join_path(from, entry.name)));
    if (entry.is_link) {
      // Links of one folder to another can lead in circles, or double what they hold at each step,
      // and one that leads out may lead to the whole disk.
      const char* why = is_within(from, real)     ? "a link to a folder above it"
                        : !is_within(real, root_) ? "a link to a folder outside the model"
                        : in_link_                ? "a link to a folder, reached through another"
                                                  : nullptr;
      if (why != nullptr) {
        leave_out(inner, why);
        return ok();
      }
    }
    const bool was_in_link = std::exchange(in_link_, in_link_ || entry.is_link);
    const std::string made = join_path(to, entry.name);
    SW_TRY_OK(disk_.make_folder(made, 0700));
    SW_TRY_OK(folder(real, made, inner));
    in_link_ = was_in_link;
    return disk_.set_folder_mode(made, entry.mode);
  }

  void leave_out(const std::string& name, std::string_view why) {
    count_.left_out.push_back(fmt::format("{}: {}", quoted(name), why));
  }

  const Disk& disk_;
  const CarryOptions& options_;
  CarryCount& count_;
  std::string root_;
  bool can_share_{true};
  bool in_link_{};  // in a folder that a link led to
};

}  // namespace

Status carry_file(const Disk& disk, const std::string& from, const std::string& to, bool may_link,
                  const CarryOptions& options, CarryCount& count) {
  return Carrier(disk, options, count).file(from, to, may_link);
}

Status keep_owner(const Disk& disk, const std::string& was, const std::string& path) {
  if (was.empty()) return ok();
  struct stat before{};
  struct stat now{};
  const auto look = [&] {
    return ::stat(was.c_str(), &before) == 0 && ::lstat(path.c_str(), &now) == 0;
  };
  const auto same = [&] { return before.st_uid == now.st_uid && before.st_gid == now.st_gid; };
  const Error unseen{ErrorCode::kIo,
                     fmt::format("{} or {} cannot be looked at", quoted(was, kShownPath),
                                 quoted(path, kShownPath))};
  if (!look()) return unseen;
  if (same()) return ok();
  SW_TRY_OK(disk.set_owner(path, before.st_uid, before.st_gid));
  if (!look()) return unseen;
  // Giving a file away clears the bits that let it run as its owner, and these are for its owner
  // alone.
  const mode_t run_as = same() ? before.st_mode & kRunAs : 0;
  return disk.set_folder_mode(path, (now.st_mode & 07777U & ~kRunAs) | run_as);
}

Status carry_folder(const Disk& disk, const std::string& from, const std::string& to,
                    const CarryOptions& options, CarryCount& count) {
  Carrier carrier(disk, options, count);
  SW_TRY(std::string root, real_path(from));
  carrier.set_root(root);
  return carrier.folder(root, to, "");
}

Result<bool> link_folder(const Disk& disk, const std::string& from, const std::string& to,
                         const std::function<bool(std::string_view name)>& skip) {
  struct stat own{};
  if (::lstat(from.c_str(), &own) != 0) {
    return Error{ErrorCode::kIo, fmt::format("{} went away", quoted(from, 1000))};
  }
  SW_TRY(const auto listing, open_folder(from));
  for (const FolderEntry& entry : listing->entries()) {
    if (skip && skip(entry.name)) continue;
    const std::string source = join_path(from, entry.name);
    const std::string target = join_path(to, entry.name);
    if (entry.kind != EntryKind::kFolder || entry.is_link) {
      SW_TRY(const bool linked, disk.link(source, target));
      if (!linked) return false;
      continue;
    }
    if (is_mount_root(source)) return false;
    SW_TRY_OK(disk.make_folder(target, 0700));
    const auto skip_below = [&](std::string_view below) {
      return skip && skip(entry.name + "/" + std::string(below));
    };
    SW_TRY(const bool linked, link_folder(disk, source, target, skip_below));
    if (!linked) return false;
  }
  SW_TRY_OK(disk.set_owner(to, own.st_uid, own.st_gid));
  SW_TRY_OK(disk.set_folder_mode(to, own.st_mode & 07777U));
  return true;
}

Status sync_folders(const Disk& disk, const std::string& path) {
  SW_TRY(const auto listing, open_folder(path));
  for (const FolderEntry& entry : listing->entries()) {
    if (entry.kind == EntryKind::kFolder && !entry.is_link) {
      SW_TRY_OK(sync_folders(disk, join_path(path, entry.name)));
    }
  }
  return disk.sync_folder(path);
}

}  // namespace shardwright
