#include "write/reach.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

namespace shardwright {
namespace {

constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool is_link(int folder, const std::string& name) {
  struct stat status{};
  return ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISLNK(status.st_mode);
}

}  // namespace

Reached reach(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string above = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  std::string last = path.substr(slash + 1);  // npos + 1 is 0
  open_how how{.flags = kFolderFlags, .mode = 0, .resolve = RESOLVE_NO_SYMLINKS};
  UniqueFd folder(
      static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, above.c_str(), &how, sizeof(how))));
  // An old kernel has none, and an old container lets nobody have it.
  if (!folder && (errno == ENOSYS || errno == EPERM)) folder = open_by_steps(above);
  return {std::move(folder), last.empty() ? "." : std::move(last)};
}

UniqueFd open_by_steps(const std::string& path) {
  UniqueFd folder(::open(path.starts_with('/') ? "/" : ".", kFolderFlags));
  for (std::size_t begin = 0; folder && begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty()) continue;
    UniqueFd next(::openat(folder.get(), name.c_str(), kFolderFlags));
    if (!next) {
      // With O_DIRECTORY a link is said to be no folder.
      const int number = errno == ENOTDIR && is_link(folder.get(), name) ? ELOOP : errno;
      folder = UniqueFd();
      errno = number;
      return folder;
    }
    folder = std::move(next);
  }
  return folder;
}

std::string link_above(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    std::string above = path.substr(0, slash);
    if (is_link(AT_FDCWD, above)) return above;
  }
  return "";
}

std::vector<std::string> names_in(const Reached& at) {
  std::vector<std::string> names;
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const int folder = ::openat(at.folder.get(), at.name.c_str(), kFlags);
  if (folder < 0) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(folder), ::closedir);
  if (stream == nullptr) ::close(folder);
  while (stream != nullptr) {
    const dirent* item = ::readdir(stream.get());
    if (item == nullptr) break;
    const std::string_view name = item->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

bool move_to(const std::string& from, const Reached& to, unsigned int flags) {
  const Reached source = reach(from);
  if (!source) return false;
  const int folder = source.folder.get();
  const char* name = source.name.c_str();
  if (flags == 0) return ::renameat(folder, name, to.folder.get(), to.name.c_str()) == 0;
  return ::renameat2(folder, name, to.folder.get(), to.name.c_str(), flags) == 0;
}

bool change_mode(const Reached& at, mode_t mode) {
  const int folder = at.folder.get();
  if (::fchmodat(folder, at.name.c_str(), mode, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno != EOPNOTSUPP) return false;
  // The C library needs /proc for that flag, or it is a link.
  struct stat status{};
  if (::fstatat(folder, at.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (S_ISLNK(status.st_mode)) {
    errno = EOPNOTSUPP;
    return false;
  }
  return ::fchmodat(folder, at.name.c_str(), mode, 0) == 0;
}

}  // namespace shardwright
