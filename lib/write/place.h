// Paths and places: what a path really is, and folders that belong to one run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/unique_fd.h"
#include "shardwright/result.h"
#include "write/disk.h"

namespace shardwright {

// The folder inside a model that holds what repairs in place replaced.
inline constexpr std::string_view kUndoFolder = ".shardwright-undo";

std::string parent_of(std::string_view path);  // "/a" of "/a/b"; "/" of "/a"
std::string last_of(std::string_view path);    // "b" of "/a/b"

// Absolute, without links, "." and "..". The last component need not exist. kNotFound, kIo.
Result<std::string> real_path(const std::string& path);

// The same where folders above the last component need not exist either. kIo where what is there of
// it is no folder.
Result<std::string> real_place(const std::string& path);

// `inner` is `outer` or lies below it; both real paths.
bool is_within(std::string_view inner, std::string_view outer);

// Bytes that this user may still write where `path` is, or where it would be made. kIo.
Result<std::uint64_t> free_bytes_at(const std::string& path);

// No room is left, of bytes or of inodes.
bool says_disk_is_full(const Error& error);

// What helps then, where the result has so many bytes: "make room for ...".
std::string remedy_of_full_disk(std::uint64_t bytes);

bool exists(const std::string& path);  // a link counts, wherever it leads
// The same where more hangs on it than the next error: kIo where the system does not say.
Result<bool> is_there(const std::string& path);
// Whether a folder is there: kIo where it is a link to one, or anything else.
Result<bool> is_own_folder(const std::string& path);
// The folders between `top` and the file `name` below it are folders, as far as they are there: kIo
// where one is a link to a folder, or anything else.
Status has_own_folders(const std::string& top, std::string_view name);
bool is_mount_root(const std::string& path);
bool is_current_folder(const std::string& path);  // of this process, or above it
bool may_be_written(const std::string& folder);   // names may be made in it
// The same with the system's reason. kIo.
Status is_writable(const std::string& folder);

// Makes the folders between `top`, which exists, and the file `name` below it. kIo as above.
Status make_folders_above(const Disk& disk, const std::string& top, std::string_view name);

// A name that this program gives to folders of unfinished work: ".x.shardwright-Ab3dE9".
bool is_staging_name(std::string_view name);

// Holds a folder against other runs as long as it lives (flock: the system lets go of it when a
// process dies).
class FolderLock {
 public:
  // kIo where another run holds it, kUnsupported where the file system has no locks.
  static Result<FolderLock> take(const std::string& path);

 private:
  explicit FolderLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// The same; none where the file system has no locks.
Result<std::optional<FolderLock>> lock_folder(const std::string& path);

struct StagingFolder {
  std::string path{};
  std::optional<FolderLock> lock{};  // none where the file system has no locks
};

// Folders of that name that killed runs left, each locked; without those that the file system
// cannot lock. kIo where a run that lives holds one.
Result<std::vector<StagingFolder>> find_remains(const std::string& folder, std::string_view name);

// Bytes of the disk that they take together.
std::uint64_t disk_bytes_of_remains(const std::string& folder, std::string_view name);

// A new folder `FOLDER/.NAME.shardwright-XXXXXX`, locked; remains of the same name that no run
// holds are removed first.
Result<StagingFolder> make_staging_folder(const Disk& disk, const std::string& folder,
                                          std::string_view name);

}  // namespace shardwright
