#include "write/disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

Error failed(std::string_view doing, std::string_view path) {
  const int number = errno;
  const ErrorCode code = number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  std::string why = std::generic_category().message(number);
  if (const std::string link = number == ELOOP ? link_above(std::string(path)) : "";
      !link.empty()) {
    why = fmt::format(
        "{} is a symbolic link, and nothing is written through one: put the folder that it leads "
        "to in its place",
        quoted(link, kShownPath));
  }
  return {code, fmt::format("{} {}: {}", doing, quoted(path, kShownPath), why)};
}

Status status_of(bool done, std::string_view doing, std::string_view path) {
  if (!done) return failed(doing, path);
  return ok();
}

// What link, clone and exchange say where a file system, or this pair of files, cannot have it.
bool cannot_have(int number) {
  constexpr std::array kNumbers = {EXDEV,  EOPNOTSUPP, EPERM,  EMLINK, ENOSYS,
                                   ENOTTY, EINVAL,     EACCES, EBUSY};
  return std::ranges::find(kNumbers, number) != kNumbers.end();
}

}  // namespace

std::string join_path(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.ends_with('/')) path += '/';
  return path += name;
}

bool Disk::may(DiskStep step, const std::string& path) const {
  if (!gate_) return true;
  const int number = gate_(step, path);
  errno = number;
  return number == 0;
}

Reached Disk::begin(DiskStep step, const std::string& path) const {
  return may(step, path) ? reach(path) : Reached();
}

Status Disk::make_folder(const std::string& path, mode_t mode) const {
  const Reached at = begin(DiskStep::kMakeFolder, path);
  return status_of(at && ::mkdirat(at.folder.get(), at.name.c_str(), mode) == 0,
                   "making the folder", path);
}

Result<OutFile> Disk::create(const std::string& path, bool direct) const {
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const Reached at = begin(DiskStep::kCreate, path);
  if (!at) return failed("creating", path);
  const int folder = at.folder.get();
  OutFile file{.path = path};
  if (direct) {
    file.fd = UniqueFd(::openat(folder, at.name.c_str(), kFlags | O_DIRECT, 0666));
    // Some file systems make the file before they refuse the flag.
    if (!file.fd && errno == EINVAL) ::unlinkat(folder, at.name.c_str(), 0);
    file.direct = static_cast<bool>(file.fd);
  }
  if (!file.fd) file.fd = UniqueFd(::openat(folder, at.name.c_str(), kFlags, 0666));
  if (!file.fd) return failed("creating", path);
  return file;
}

Result<OutFile> Disk::reopen(const std::string& path, bool direct) const {
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const Reached at = begin(DiskStep::kReopen, path);
  if (!at) return failed("opening", path);
  OutFile file{.path = path};
  if (direct) file.fd = UniqueFd(::openat(at.folder.get(), at.name.c_str(), kFlags | O_DIRECT));
  file.direct = static_cast<bool>(file.fd);
  if (!file.fd) file.fd = UniqueFd(::openat(at.folder.get(), at.name.c_str(), kFlags));
  struct stat status{};
  if (!file.fd || ::fstat(file.fd.get(), &status) != 0) return failed("opening", path);
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1) {
    return Error{ErrorCode::kIo,
                 fmt::format("opening {}: not a file of a killed run", quoted(path, kShownPath))};
  }
  return file;
}

Status Disk::allocate(const OutFile& file, std::uint64_t offset, std::uint64_t bytes) const {
  if (bytes == 0) return ok();
  while (!may(DiskStep::kAllocate, file.path) ||
         ::fallocate(file.fd.get(), 0, static_cast<off_t>(offset), static_cast<off_t>(bytes)) !=
             0) {
    if (errno == EINTR) continue;
    // Not posix_fallocate: where there is none, it would write a byte into every block.
    if (errno == EOPNOTSUPP || errno == ENOSYS) return ok();
    return failed("reserving space for", file.path);
  }
  return ok();
}

Status Disk::write(const OutFile& file, std::uint64_t offset, Bytes bytes) const {
  bool indirect = !file.direct;
  while (!bytes.empty()) {
    const ssize_t wrote =
        may(DiskStep::kWrite, file.path)
            ? ::pwrite(file.fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset))
            : -1;
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EINVAL && !indirect) {
      // Other needs than ours, or another thread has just been here: through the page cache, then.
      indirect = true;
      const int flags = ::fcntl(file.fd.get(), F_GETFL);
      if (flags >= 0 && ::fcntl(file.fd.get(), F_SETFL, flags & ~O_DIRECT) == 0) continue;
      errno = EINVAL;
    }
    if (wrote < 0) return failed("writing", file.path);
    offset += static_cast<std::uint64_t>(wrote);
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
  return ok();
}

Result<bool> Disk::share(const OutFile& file, std::uint64_t offset, int from,
                         std::uint64_t from_offset, std::uint64_t bytes) const {
  file_clone_range range{};
  range.src_fd = from;
  range.src_offset = from_offset;
  range.src_length = bytes;
  range.dest_offset = offset;
  if (may(DiskStep::kShare, file.path) && ::ioctl(file.fd.get(), FICLONERANGE, &range) == 0) {
    return true;
  }
  if (cannot_have(errno)) return false;
  return failed("sharing blocks with", file.path);
}

Result<bool> Disk::copy(const OutFile& file, std::uint64_t offset, int from,
                        std::uint64_t from_offset, std::uint64_t bytes) const {
  auto source = static_cast<off_t>(from_offset);
  auto target = static_cast<off_t>(offset);
  while (bytes > 0) {
    const ssize_t copied = may(DiskStep::kCopy, file.path)
                               ? ::copy_file_range(from, &source, file.fd.get(), &target, bytes, 0)
                               : -1;
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0 && !cannot_have(errno)) return failed("writing", file.path);
    if (copied <= 0) return false;
    bytes -= static_cast<std::uint64_t>(copied);
  }
  return true;
}

void Disk::pass_by_cache(OutFile& file) {
  const int flags = ::fcntl(file.fd.get(), F_GETFL);
  file.direct = flags >= 0 && ::fcntl(file.fd.get(), F_SETFL, flags | O_DIRECT) == 0;
}

void Disk::drop_cache(const OutFile& file) {
  static_cast<void>(::posix_fadvise(file.fd.get(), 0, 0, POSIX_FADV_DONTNEED));
}

Status Disk::resize(const OutFile& file, std::uint64_t bytes) const {
  return status_of(may(DiskStep::kResize, file.path) &&
                       ::ftruncate(file.fd.get(), static_cast<off_t>(bytes)) == 0,
                   "setting the size of", file.path);
}

Status Disk::set_mode(const OutFile& file, const FileMode& mode) const {
  struct stat now{};
  mode_t bits = mode.bits;
  const bool same = (bits & kRunAs) == 0 || (::fstat(file.fd.get(), &now) == 0 &&
                                             mode.owner == now.st_uid && mode.group == now.st_gid);
  if (!same) bits &= ~kRunAs;
  return status_of(may(DiskStep::kSetMode, file.path) && ::fchmod(file.fd.get(), bits) == 0,
                   "setting the mode of", file.path);
}

Status Disk::sync(const OutFile& file) const {
  return status_of(may(DiskStep::kSync, file.path) && ::fsync(file.fd.get()) == 0, "syncing",
                   file.path);
}

Status Disk::set_folder_mode(const std::string& path, mode_t mode) const {
  const Reached at = begin(DiskStep::kSetMode, path);
  return status_of(at && change_mode(at, mode), "setting the mode of", path);
}

Status Disk::set_owner(const std::string& path, uid_t owner, gid_t group) const {
  const Reached at = begin(DiskStep::kSetOwner, path);
  const bool done =
      at && ::fchownat(at.folder.get(), at.name.c_str(), owner, group, AT_SYMLINK_NOFOLLOW) == 0;
  const bool stays = !done && (errno == EPERM || errno == EINVAL || errno == EOPNOTSUPP);
  return status_of(done || stays, "setting the owner of", path);
}

Status Disk::sync_folder(const std::string& path) const {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const Reached at = reach(path);
  const UniqueFd folder(at ? ::openat(at.folder.get(), at.name.c_str(), kFlags) : -1);
  if (!folder) return failed("syncing", path);
  const bool done = may(DiskStep::kSyncFolder, path) && ::fsync(folder.get()) == 0;
  // Some network file systems have no fsync for folders; their renames are synchronous.
  return status_of(done || errno == EINVAL || errno == ENOTSUP, "syncing", path);
}

Result<bool> Disk::link(const std::string& from, const std::string& to) const {
  const Reached target = begin(DiskStep::kLink, to);
  const Reached source = target ? reach(from) : Reached();
  if (source && ::linkat(source.folder.get(), source.name.c_str(), target.folder.get(),
                         target.name.c_str(), 0) == 0) {
    return true;
  }
  if (cannot_have(errno)) return false;
  return failed("linking", target && errno == ELOOP ? from : to);
}

Status Disk::rename(const std::string& from, const std::string& to) const {
  const Reached target = begin(DiskStep::kRename, to);
  return status_of(target && move_to(from, target, 0), "moving a file to", to);
}

Status Disk::rename_new(const std::string& from, const std::string& to) const {
  Reached target = begin(DiskStep::kRename, to);
  if (target && move_to(from, target, RENAME_NOREPLACE)) return ok();
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) {
    return failed("moving a file to", to);
  }
  if (!target) target = reach(to);
  struct stat status{};
  const bool taken = target && ::fstatat(target.folder.get(), target.name.c_str(), &status,
                                         AT_SYMLINK_NOFOLLOW) == 0;
  if (taken) errno = EEXIST;
  return status_of(target && !taken && move_to(from, target, 0), "moving a file to", to);
}

Result<bool> Disk::exchange(const std::string& a, const std::string& b) const {
  const Reached target = begin(DiskStep::kExchange, b);
  if (target && move_to(a, target, RENAME_EXCHANGE)) return true;
  if (cannot_have(errno)) return false;
  return failed("exchanging", b);
}

Status Disk::remove(const std::string& path) const {
  const Reached at = begin(DiskStep::kRemove, path);
  const bool done = at && ::unlinkat(at.folder.get(), at.name.c_str(), 0) == 0;
  return status_of(done || errno == ENOENT, "removing", path);
}

Status Disk::remove_folder(const std::string& path) const {
  const Reached at = begin(DiskStep::kRemoveFolder, path);
  const bool done = at && ::unlinkat(at.folder.get(), at.name.c_str(), AT_REMOVEDIR) == 0;
  return status_of(done || errno == ENOENT, "removing", path);
}

Status Disk::remove_tree(const std::string& path) const {
  std::vector<std::string> names;
  {
    const Reached at = reach(path);
    struct stat status{};
    if (!at || ::fstatat(at.folder.get(), at.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return status_of(errno == ENOENT, "removing", path);
    }
    if (!S_ISDIR(status.st_mode)) return remove(path);
    // A folder that nobody may write to was carried with its mode; if this fails, what follows
    // does.
    if ((status.st_mode & S_IRWXU) != S_IRWXU) static_cast<void>(change_mode(at, S_IRWXU));
    names = names_in(at);
  }
  for (const std::string& name : names)
    SW_TRY_OK(remove_tree(join_path(path, name)));
  return remove_folder(path);
}

}  // namespace shardwright
