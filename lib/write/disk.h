// Every system call that changes the disk, and nothing else: lib/write reaches the disk through
// this class alone, so that a test can refuse or stop any step of it.
//
// Paths are whole (absolute) and real: no step follows a symbolic link, at the end of a path or on
// the way to it, so that nothing outside of a model is reached through one inside of it. No file
// that exists is opened for writing, but one that a killed run of this program left unfinished in a
// folder of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "io/unique_fd.h"
#include "shardwright/result.h"
#include "write/reach.h"

namespace shardwright {

std::string join_path(std::string_view folder, std::string_view name);

// A file that this program made and is still writing.
struct OutFile {
  UniqueFd fd{};
  std::string path{};
  bool direct{};  // writes pass by the page cache: buffers, offsets and lengths in kBlockBytes
};

// The mode of a file, and whose it is there.
struct FileMode {
  mode_t bits{};
  std::optional<uid_t> owner{};  // none: nobody's in particular
  std::optional<gid_t> group{};
};

// What every device and file system of today takes for O_DIRECT and for sharing blocks.
inline constexpr std::uint64_t kBlockBytes = 4096;

// The bits of a mode by which a program runs as its file's owner or group.
inline constexpr mode_t kRunAs = 06000;

enum class DiskStep : std::uint8_t {
  kMakeFolder,
  kCreate,
  kReopen,
  kAllocate,
  kWrite,
  kShare,
  kCopy,
  kResize,
  kSetMode,
  kSetOwner,
  kSync,
  kSyncFolder,
  kLink,
  kRename,
  kExchange,
  kRemove,
  kRemoveFolder,
};

class Disk {
 public:
  // Asked before each step: 0 lets it happen, any other value is the errno that it fails with, and
  // is taken for the system's own. Called from any thread.
  using Gate = std::function<int(DiskStep step, const std::string& path)>;

  Disk() = default;
  explicit Disk(Gate gate) : gate_(std::move(gate)) {}

  Status make_folder(const std::string& path, mode_t mode = 0777) const;  // minus the umask

  // A new file; kIo where the name exists. `direct` is a wish: where the file system has no
  // O_DIRECT, the file is an ordinary one.
  [[nodiscard]] Result<OutFile> create(const std::string& path, bool direct = false) const;
  // A file that create() made in a folder that is this run's alone, to go on with it. kIo where it
  // is no file, or has another name elsewhere.
  [[nodiscard]] Result<OutFile> reopen(const std::string& path, bool direct = false) const;
  // Reserves the range and extends the file to hold it, so that a full disk is known at once.
  Status allocate(const OutFile& file, std::uint64_t offset, std::uint64_t bytes) const;
  Status write(const OutFile& file, std::uint64_t offset, Bytes bytes) const;
  // Shares blocks of `from`; false where the file system cannot. All in kBlockBytes, but a range
  // that ends with its file.
  [[nodiscard]] Result<bool> share(const OutFile& file, std::uint64_t offset, int from,
                                   std::uint64_t from_offset, std::uint64_t bytes) const;
  // Copies bytes of `from` without a buffer of this program; false where the system cannot do so
  // for these two files, or `from` ends early.
  [[nodiscard]] Result<bool> copy(const OutFile& file, std::uint64_t offset, int from,
                                  std::uint64_t from_offset, std::uint64_t bytes) const;
  // Lets writes pass by the page cache from now on, where the file system can.
  static void pass_by_cache(OutFile& file);
  // Takes a synced file out of the page cache, so that who reads it next reads the disk.
  static void drop_cache(const OutFile& file);
  Status resize(const OutFile& file, std::uint64_t bytes) const;
  // Without kRunAs where this file has another owner or group.
  Status set_mode(const OutFile& file, const FileMode& mode) const;
  Status sync(const OutFile& file) const;

  Status set_folder_mode(const std::string& path, mode_t mode) const;
  // Where the system does not permit it (only root may give files away), the owner stays.
  Status set_owner(const std::string& path, uid_t owner, gid_t group) const;
  Status sync_folder(const std::string& path) const;

  // A second name for a file (for a symbolic link: a second link); false where that cannot be:
  // other file system, no hard links, too many, not permitted.
  [[nodiscard]] Result<bool> link(const std::string& from, const std::string& to) const;
  Status rename(const std::string& from, const std::string& to) const;
  // Fails where `to` exists, except where the file system cannot tell.
  Status rename_new(const std::string& from, const std::string& to) const;
  // Both change places in one step; false where the file system cannot.
  [[nodiscard]] Result<bool> exchange(const std::string& a, const std::string& b) const;
  Status remove(const std::string& path) const;         // ok where it is not there
  Status remove_folder(const std::string& path) const;  // empty; ok where it is not there
  // A folder and all below it, without following links; or a file.
  Status remove_tree(const std::string& path) const;

 private:
  // True where the step may happen; otherwise errno is set.
  [[nodiscard]] bool may(DiskStep step, const std::string& path) const;
  // The way to `path`, where the step may happen; otherwise none, and errno is set.
  [[nodiscard]] Reached begin(DiskStep step, const std::string& path) const;

  Gate gate_;
};

}  // namespace shardwright
