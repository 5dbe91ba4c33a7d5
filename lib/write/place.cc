#include "write/place.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <system_error>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"

namespace shardwright {
namespace {

// "a/b" of "a/b//".
std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  return path;
}

constexpr std::string_view kMark = ".shardwright-";
constexpr std::size_t kSuffix = 6;

Error failed(std::string_view doing, const std::string& path) {
  const int number = errno;
  return {number == ENOENT || number == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo,
          fmt::format("{} {}: {}", doing, quoted(path, kShownPath),
                      std::generic_category().message(number))};
}

std::string random_suffix() {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::array<unsigned char, kSuffix> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) < 0) bytes.fill(0);
  std::string suffix;
  for (const unsigned char byte : bytes)
    suffix += kLetters[byte % kLetters.size()];
  return suffix;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

std::string prefix_of(std::string_view name) {
  return fmt::format(".{}{}", name.substr(0, NAME_MAX - 32), kMark);
}

// Folders of runs, killed ones and others.
std::vector<std::string> staging_folders(const std::string& folder, std::string_view prefix) {
  std::vector<std::string> paths;
  const auto listing = open_folder(folder);
  if (!listing) return paths;
  for (const FolderEntry& entry : (*listing)->entries()) {
    const bool ours = entry.kind == EntryKind::kFolder && !entry.is_link &&
                      entry.name.size() == prefix.size() + kSuffix &&
                      entry.name.starts_with(prefix);
    if (ours) paths.push_back(join_path(folder, entry.name));
  }
  return paths;
}

void remove_remains(const Disk& disk, const std::string& folder, std::string_view prefix) {
  for (const std::string& path : staging_folders(folder, prefix)) {
    // What cannot be removed is no reason to stop: it is only in the way of order.
    if (const auto lock = FolderLock::take(path)) static_cast<void>(disk.remove_tree(path));
  }
}

}  // namespace

std::string parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

std::string last_of(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

Result<std::string> real_path(const std::string& path) {
  const auto resolve = [](const std::string& known) {
    return std::unique_ptr<char, void (*)(void*)>(::realpath(known.c_str(), nullptr), std::free);
  };
  if (const auto whole = resolve(path)) return std::string(whole.get());
  const std::string trimmed = without_slashes(path);
  const std::string last = last_of(trimmed);
  struct stat status{};
  const bool absent = ::lstat(trimmed.c_str(), &status) != 0;
  if (absent && !last.empty() && last != "." && last != "..") {
    if (const auto parent = resolve(parent_of(trimmed))) return join_path(parent.get(), last);
  }
  return failed("opening", path);
}

Result<std::string> real_place(const std::string& path) {
  auto real = real_path(path);
  if (real && exists(*real)) return real;
  const std::string trimmed = without_slashes(path);
  const std::string last = last_of(trimmed);
  if (exists(trimmed) || trimmed.size() <= 1 || last.empty() || last == "." || last == "..")
    return real;
  SW_TRY(const std::string above, real_place(parent_of(trimmed)));
  struct stat status{};
  if (::stat(above.c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
    return Error{ErrorCode::kIo, fmt::format("{} is no folder", quoted(above, kShownPath))};
  return join_path(above, last);
}

bool is_within(std::string_view inner, std::string_view outer) {
  if (!inner.starts_with(outer)) return false;
  return inner.size() == outer.size() || outer.ends_with('/') || inner[outer.size()] == '/';
}

Result<std::uint64_t> free_bytes_at(const std::string& path) {
  SW_TRY(std::string folder, real_place(path));
  while (!exists(folder) && folder.size() > 1)
    folder = parent_of(folder);
  struct statvfs status{};
  if (::statvfs(folder.c_str(), &status) != 0) return failed("opening", folder);
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

bool says_disk_is_full(const Error& error) {
  return error.message.find(std::generic_category().message(ENOSPC)) != std::string::npos;
}

std::string remedy_of_full_disk(std::uint64_t bytes) {
  return fmt::format(
      "make room for {}, and for files where 'df -i' shows that none are free, or write to another "
      "disk",
      human_bytes(bytes));
}

bool exists(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<bool> is_there(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return failed("looking at", path);
}

Result<bool> is_own_folder(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failed("looking at", path);
  }
  if (S_ISDIR(status.st_mode)) return true;
  return Error{ErrorCode::kIo,
               S_ISLNK(status.st_mode)
                   ? fmt::format("{} is a symbolic link, and nothing is written, moved or removed "
                                 "through one: put the folder that it leads to in its place, or "
                                 "remove the link",
                                 quoted(path, kShownPath))
                   : fmt::format("{} is no folder: move it away", quoted(path, kShownPath))};
}

Status has_own_folders(const std::string& top, std::string_view name) {
  for (std::size_t slash = name.find('/'); slash != std::string_view::npos;
       slash = name.find('/', slash + 1)) {
    SW_TRY(const bool there, is_own_folder(join_path(top, name.substr(0, slash))));
    if (!there) return ok();
  }
  return ok();
}

bool is_mount_root(const std::string& path) {
  struct statx status{};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status) != 0) return false;
  if ((status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0) {
    return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  }
  struct stat own{};
  struct stat above{};
  return ::stat(path.c_str(), &own) == 0 && ::stat(parent_of(path).c_str(), &above) == 0 &&
         (own.st_dev != above.st_dev || same_file(own, above));
}

bool is_current_folder(const std::string& path) {
  const auto current = real_path(".");
  return current && is_within(*current, path);
}

bool may_be_written(const std::string& folder) {
  return ::access(folder.c_str(), W_OK | X_OK) == 0;
}

Status is_writable(const std::string& folder) {
  if (may_be_written(folder)) return ok();
  return failed("writing into", folder);
}

Status make_folders_above(const Disk& disk, const std::string& top, std::string_view name) {
  for (std::size_t slash = name.find('/'); slash != std::string_view::npos;
       slash = name.find('/', slash + 1)) {
    const std::string path = join_path(top, name.substr(0, slash));
    SW_TRY(const bool there, is_own_folder(path));
    if (!there) SW_TRY_OK(disk.make_folder(path));
  }
  return ok();
}

bool is_staging_name(std::string_view name) {
  const std::size_t mark = name.rfind(kMark);
  return name.starts_with('.') && mark != std::string_view::npos && mark > 0 &&
         name.size() == mark + kMark.size() + kSuffix;
}

Result<FolderLock> FolderLock::take(const std::string& path) {
  // Until the folder that is locked is the one that has the name: it may be removed in between.
  while (true) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return failed("opening", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return Error{ErrorCode::kUnsupported, "no locks"};
      return Error{ErrorCode::kIo,
                   fmt::format("another run is at work in {}", quoted(path, kShownPath))};
    }
    struct stat held{};
    struct stat named{};
    if (::fstat(fd.get(), &held) == 0 && ::lstat(path.c_str(), &named) == 0 &&
        same_file(held, named)) {
      return FolderLock(std::move(fd));
    }
  }
}

Result<std::optional<FolderLock>> lock_folder(const std::string& path) {
  auto lock = FolderLock::take(path);
  if (lock) return std::optional(std::move(*lock));
  if (lock.error().code == ErrorCode::kUnsupported) return std::optional<FolderLock>();
  return std::move(lock).error();
}

Result<std::vector<StagingFolder>> find_remains(const std::string& folder, std::string_view name) {
  std::vector<StagingFolder> found;
  for (std::string& path : staging_folders(folder, prefix_of(name))) {
    auto lock = FolderLock::take(path);
    if (lock) {
      found.push_back({std::move(path), std::move(*lock)});
    } else if (lock.error().code == ErrorCode::kIo) {
      return std::move(lock).error();
    }
  }
  return found;
}

std::uint64_t disk_bytes_of_remains(const std::string& folder, std::string_view name) {
  constexpr std::uint64_t kSector = 512;  // unit of st_blocks
  std::uint64_t bytes = 0;
  for (const std::string& path : staging_folders(folder, prefix_of(name))) {
    const auto lock = FolderLock::take(path);
    const auto listing = lock ? open_folder(path) : Error{ErrorCode::kIo};
    if (!listing) continue;
    for (const FolderEntry& entry : (*listing)->entries()) {
      struct stat status{};
      if (::lstat(join_path(path, entry.name).c_str(), &status) == 0)
        bytes += static_cast<std::uint64_t>(status.st_blocks) * kSector;
    }
  }
  return bytes;
}

Result<StagingFolder> make_staging_folder(const Disk& disk, const std::string& folder,
                                          std::string_view name) {
  const std::string prefix = prefix_of(name);
  remove_remains(disk, folder, prefix);
  constexpr int kTries = 100;
  for (int i = 0;; ++i) {
    std::string path = join_path(folder, prefix + random_suffix());
    Status made = disk.make_folder(path);
    struct stat status{};
    const bool taken = !made && ::lstat(path.c_str(), &status) == 0;
    if (!made && (!taken || i == kTries)) return std::move(made).error();
    if (!made) continue;
    auto lock = FolderLock::take(path);
    if (lock) return StagingFolder{std::move(path), std::move(*lock)};
    if (lock.error().code == ErrorCode::kUnsupported) return StagingFolder{std::move(path), {}};
    // Somebody took it for remains before it was locked, and removes it.
    static_cast<void>(disk.remove_folder(path));
    if (i == kTries) return std::move(lock).error();
  }
}

}  // namespace shardwright
