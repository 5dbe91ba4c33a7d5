// A folder of a checkpoint, read-only. Symbolic links are followed: a hub cache snapshot is a
// folder of them. Nothing else in the library opens files for reading.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/source.h"

namespace shardwright {

enum class EntryKind : std::uint8_t { kAbsent, kFile, kFolder, kDangling, kOther };

struct FolderEntry {
  std::string name{};  // one component, as the system has it
  EntryKind kind{};    // of the link's target
  bool is_link{};
  std::uint64_t bytes{};  // size of a file
  mode_t mode{};          // permission bits of the target
  uid_t owner{};
  gid_t group{};
  std::uint64_t device{};      // identity of the target, for hard links and self-copies
  std::uint64_t inode{};       // 0: nothing is there, or the system does not let it be looked at
  std::int64_t modified_ns{};  // since 1970
};

class Folder {
 public:
  Folder() = default;
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  virtual ~Folder() = default;

  // Direct entries, sorted by name byte by byte.
  [[nodiscard]] virtual const std::vector<FolderEntry>& entries() const = 0;

  // What is at a relative name (components with '/' between), kAbsent where nothing is. For direct
  // entries find() asks the system nothing.
  [[nodiscard]] virtual FolderEntry describe(std::string_view name) const = 0;

  // Opens a file below the folder by its relative name (components with '/' between). kNotFound,
  // kIo. Callers check names from files with is_inside() first.
  [[nodiscard]] virtual Result<std::unique_ptr<ByteSource>> open(std::string_view name) const = 0;

  // Whether a file was not opened because the process may have no more of them open: what was read
  // says nothing of the folder then.
  [[nodiscard]] virtual bool lacked_descriptors() const { return false; }

  // The entry of that name, or null.
  [[nodiscard]] const FolderEntry* find(std::string_view name) const;
};

// A relative name that lexically stays inside its folder: not empty, not absolute, no "..", no
// backslash, no NUL. "sub/model.safetensors" is inside.
bool is_inside(std::string_view name);

// What is at a path; its name is the last component.
FolderEntry describe_path(const std::string& path);

// The folder at `path`. kNotFound, kIo.
Result<std::unique_ptr<Folder>> open_folder(const std::string& path);

// The folder of the file at `path`, listing that file alone: its neighbours are not looked at.
Result<std::unique_ptr<Folder>> open_folder_of(const std::string& path);

// One local file. kNotFound, kIo (a folder, a device and a FIFO are kIo: nothing blocks on
// opening).
Result<std::unique_ptr<ByteSource>> open_file(const std::string& path);

}  // namespace shardwright
