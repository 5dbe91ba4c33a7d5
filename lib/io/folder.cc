#include "io/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "base/large_pages.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "io/unique_fd.h"

namespace shardwright {
namespace {

Error system_error(int number, std::string_view doing, std::string_view path) {
  const ErrorCode code =
      number == ENOENT || number == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
  return {code,
          fmt::format("{} {}: {}", doing, quoted(path), std::generic_category().message(number))};
}

class FileSource final : public ByteSource {
 public:
  FileSource(UniqueFd fd, std::uint64_t size, std::string path)
      : fd_(std::move(fd)), size_(size), path_(std::move(path)) {}

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] int descriptor() const override { return fd_.get(); }

  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    while (!into.empty()) {
      const ssize_t got = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
      if (got < 0) {
        if (errno == EINTR) continue;
        return system_error(errno, "reading", path_);
      }
      if (got == 0) {
        return Error{ErrorCode::kIo,
                     fmt::format("reading {}: the file ends at byte {}", quoted(path_), offset)};
      }
      offset += static_cast<std::uint64_t>(got);
      into = into.subspan(static_cast<std::size_t>(got));
    }
    return ok();
  }

 private:
  UniqueFd fd_;
  std::uint64_t size_;
  std::string path_;
};

// Every shard stays open as long as its checkpoint, and the usual limit of 1,024 descriptors is a
// soft one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool is_lack_of_descriptors(int number) {
  return number == EMFILE || number == ENFILE;
}

// Sets `lacking` where there are no descriptors left.
Result<std::unique_ptr<ByteSource>> open_at(int folder, const std::string& name,
                                            std::atomic<bool>* lacking) {
  struct stat status{};
  if (::fstatat(folder, name.c_str(), &status, 0) != 0) return system_error(errno, "opening", name);
  UniqueFd fd;
  if (S_ISREG(status.st_mode)) {  // to open a device may already do something
    // O_NONBLOCK: what became a FIFO in between must not hang the run.
    constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    fd = UniqueFd(::openat(folder, name.c_str(), kFlags));
    if (!fd && errno == EMFILE) {
      raise_descriptor_limit();  // or another thread has
      fd = UniqueFd(::openat(folder, name.c_str(), kFlags));
    }
    if (!fd) {
      if (lacking != nullptr && is_lack_of_descriptors(errno)) *lacking = true;
      return system_error(errno, "opening", name);
    }
    if (::fstat(fd.get(), &status) != 0) return system_error(errno, "opening", name);
  }
  if (!S_ISREG(status.st_mode)) {
    return Error{ErrorCode::kIo, fmt::format("opening {}: not a regular file", quoted(name))};
  }
  return std::unique_ptr<ByteSource>(std::make_unique<FileSource>(
      std::move(fd), static_cast<std::uint64_t>(status.st_size), name));
}

FolderEntry describe_at(int folder, const std::string& name) {
  FolderEntry entry{.name = name.substr(name.rfind('/') + 1)};
  struct stat status{};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    entry.kind = errno == ENOENT || errno == ENOTDIR ? EntryKind::kAbsent : EntryKind::kOther;
    return entry;
  }
  entry.is_link = S_ISLNK(status.st_mode);
  if (entry.is_link && ::fstatat(folder, name.c_str(), &status, 0) != 0) {
    const bool nowhere = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    entry.kind = nowhere ? EntryKind::kDangling : EntryKind::kOther;
    return entry;
  }
  entry.kind = S_ISREG(status.st_mode)   ? EntryKind::kFile
               : S_ISDIR(status.st_mode) ? EntryKind::kFolder
                                         : EntryKind::kOther;
  entry.bytes = static_cast<std::uint64_t>(status.st_size);
  entry.mode = status.st_mode & 07777U;
  entry.owner = status.st_uid;
  entry.group = status.st_gid;
  entry.device = status.st_dev;
  entry.inode = status.st_ino;
  entry.modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return entry;
}

class LocalFolder final : public Folder {
 public:
  LocalFolder(UniqueFd fd, std::vector<FolderEntry> entries)
      : fd_(std::move(fd)), entries_(std::move(entries)) {}

  [[nodiscard]] const std::vector<FolderEntry>& entries() const override { return entries_; }
  [[nodiscard]] FolderEntry describe(std::string_view name) const override {
    return describe_at(fd_.get(), std::string(name));
  }
  [[nodiscard]] Result<std::unique_ptr<ByteSource>> open(std::string_view name) const override {
    return open_at(fd_.get(), std::string(name), &lacking_);
  }
  [[nodiscard]] bool lacked_descriptors() const override { return lacking_; }

 private:
  UniqueFd fd_;
  std::vector<FolderEntry> entries_;
  mutable std::atomic<bool> lacking_{};
};

}  // namespace

Result<std::string> read_all(const ByteSource& source, std::uint64_t limit) {
  if (source.size() > limit) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} bytes where at most {} are read", source.size(), limit)};
  }
  std::string text;
  reserve_large(text, source.size());
  text.resize(source.size());
  SW_TRY_OK(source.read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

const FolderEntry* Folder::find(std::string_view name) const {
  const auto& all = entries();
  const auto found = std::ranges::lower_bound(all, name, {}, &FolderEntry::name);
  return found != all.end() && found->name == name ? &*found : nullptr;
}

bool is_inside(std::string_view name) {
  if (name.empty() || name.front() == '/') return false;
  if (name.find('\\') != std::string_view::npos || name.find('\0') != std::string_view::npos)
    return false;
  return std::ranges::none_of(split(name, '/'), [](std::string_view part) {
    return part.empty() || part == "." || part == "..";
  });
}

FolderEntry describe_path(const std::string& path) {
  return describe_at(AT_FDCWD, path);
}

Result<std::unique_ptr<Folder>> open_folder(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  if (!fd) return system_error(errno, "opening", path);
  // readdir owns the descriptor that it is given.
  const int listing = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
  DIR* stream = listing < 0 ? nullptr : ::fdopendir(listing);
  if (stream == nullptr) {
    const int number = errno;
    if (listing >= 0) ::close(listing);
    return system_error(number, "listing", path);
  }
  std::vector<FolderEntry> entries;
  errno = 0;
  while (const dirent* item = ::readdir(stream)) {
    const std::string_view name = item->d_name;
    if (name != "." && name != "..") entries.push_back(describe_at(fd.get(), item->d_name));
    errno = 0;
  }
  const int number = errno;
  ::closedir(stream);
  if (number != 0) return system_error(number, "listing", path);
  std::ranges::sort(entries, {}, &FolderEntry::name);
  return std::unique_ptr<Folder>(std::make_unique<LocalFolder>(std::move(fd), std::move(entries)));
}

Result<std::unique_ptr<Folder>> open_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
  UniqueFd fd(::open(folder.c_str(), O_PATH | O_CLOEXEC | O_DIRECTORY));
  if (!fd) return system_error(errno, "opening", folder);
  const std::string name = path.substr(slash + 1);
  std::vector<FolderEntry> entries = {describe_at(fd.get(), name)};
  if (entries.front().kind == EntryKind::kAbsent) return system_error(ENOENT, "opening", path);
  return std::unique_ptr<Folder>(std::make_unique<LocalFolder>(std::move(fd), std::move(entries)));
}

Result<std::unique_ptr<ByteSource>> open_file(const std::string& path) {
  return open_at(AT_FDCWD, path, nullptr);
}

}  // namespace shardwright
