#include "tools/output_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "report/words.h"
#include "tools/terminal.h"

namespace shardwright {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// Where links at the end of a path lead to, which need not be there; empty where that is no place
// in a folder but an open descriptor, as /dev/stdout is, or a circle.
std::string end_of_links(std::string path) {
  for (int links = 0; links < 40; ++links) {  // as many as the system follows
    const std::unique_ptr<char, void (*)(void*)> folder(
        ::realpath(folder_of(path).c_str(), nullptr), std::free);
    const std::string_view place = folder == nullptr ? "" : folder.get();
    if (place == "/proc" || place.starts_with("/proc/")) return "";
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    if (length < 0) return path;
    const std::string_view next(target.data(), static_cast<std::size_t>(length));
    path = next.starts_with('/') ? std::string(next) : folder_of(path) + std::string(next);
  }
  return "";
}

// A new file beside `path`, under a name that no check takes for a part of a model.
int make_beside(const std::string& path, std::string& made) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::size_t kMostOfName = NAME_MAX - 32;
  const std::string name = path.substr(path.rfind('/') + 1).substr(0, kMostOfName);
  for (int i = 0; i < 100; ++i) {
    std::array<unsigned char, 6> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) < 0) bytes.fill(static_cast<unsigned char>(i));
    made = folder_of(path) + "." + name + ".shardwright-";
    for (const unsigned char byte : bytes)
      made += kLetters[byte % kLetters.size()];
    const int descriptor =
        ::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

// Mode and owner of the file that was there, these as far as the system permits it: without its
// owner a file has no right to act as them.
int take_after(int descriptor, const struct stat& was) {
  struct stat now{};
  if (::fstat(descriptor, &now) != 0) return errno;
  mode_t mode = was.st_mode & 07777U;
  const bool same = now.st_uid == was.st_uid && now.st_gid == was.st_gid;
  if (!same && ::fchown(descriptor, was.st_uid, was.st_gid) != 0) mode &= 0777U;
  return ::fchmod(descriptor, mode) == 0 ? 0 : errno;
}

bool lets_nothing_beside(int number) {
  return number == EACCES || number == EPERM || number == EROFS;
}

}  // namespace

Result<OutputFile> OutputFile::open(const std::string& path) {
  OutputFile file(path);
  struct stat was{};
  const bool is_there = ::stat(path.c_str(), &was) == 0;
  if (is_there) {
    file.direct_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file.direct_ < 0) return file.failed(errno);
    if (!S_ISREG(was.st_mode)) return file;
  }
  file.target_ = end_of_links(path);
  if (file.target_.empty() && is_there) return file;
  if (file.target_.empty()) return file.failed(ELOOP);
  file.descriptor_ = make_beside(file.target_, file.aside_);
  if (file.descriptor_ >= 0) {
    const int error = is_there ? take_after(file.descriptor_, was) : 0;
    if (error != 0) return file.failed(error);
    return file;
  }
  if (!is_there || !lets_nothing_beside(errno)) return file.failed(errno);
  file.target_.clear();
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      aside_(std::move(other.aside_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      direct_(std::exchange(other.direct_, -1)) {}

OutputFile::~OutputFile() {
  if (direct_ >= 0) ::close(direct_);
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(aside_.c_str());
}

Error OutputFile::failed(int number) const {
  return {ErrorCode::kIo, "cannot write " + shown(path_) + ": " + errno_text(number)};
}

int OutputFile::write(std::string_view text) {
  if (descriptor_ >= 0) {
    if (const int error = write_all(descriptor_, text); error != 0) return error;
    if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) return errno;
    if (::rename(aside_.c_str(), target_.c_str()) == 0) {
      return ::close(std::exchange(descriptor_, -1)) == 0 ? 0 : errno;
    }
    // A file that is mounted by itself is nowhere replaced.
    if (errno != EBUSY || direct_ < 0) return errno;
  }
  struct stat status{};
  // A device or a pipe has no length to cut.
  const bool regular = ::fstat(direct_, &status) == 0 && S_ISREG(status.st_mode);
  if (regular && ::ftruncate(direct_, 0) != 0) return errno;
  if (const int error = write_all(direct_, text); error != 0) return error;
  return ::close(std::exchange(direct_, -1)) == 0 ? 0 : errno;
}

Status OutputFile::fill(std::string_view text) {
  if (const int error = write(text); error != 0) return failed(error);
  return ok();
}

}  // namespace shardwright
