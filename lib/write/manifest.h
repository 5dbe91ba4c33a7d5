// What a repair in place changed: `.shardwright-undo/0001/manifest.json` in the model's folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "shardwright/result.h"
#include "write/disk.h"

namespace shardwright {

enum class ChangeKind : std::uint8_t {
  kReplaced,
  kAdded,
  kRemoved,
  kKept,  // the same before and after: it only steps aside during the switch
};

struct Change {
  std::string name{};  // relative to the folder
  ChangeKind kind{};
  bool hidden{};          // a loader starts from it: it leaves first and comes last
  std::uint64_t bytes{};  // of the new file
  Digest digest{};
};

struct Manifest {
  bool done{};                    // otherwise prepared: the switch may have begun
  std::string undoes{};           // the entry that this one takes back
  std::vector<Change> changes{};  // in the order of the switch
};

// The text of a manifest.json, and what it says: none where it is not one that this version wrote.
std::string manifest_text(const Manifest& manifest);
std::optional<Manifest> parse_manifest(std::string_view text);

// One numbered folder of `.shardwright-undo`.
struct UndoEntry {
  std::string name{};  // "0001"
  std::string path{};
  std::optional<Manifest> manifest{};  // none: a run was killed while it staged
};

// All entries of a model's folder, oldest first. kMalformed for a manifest that is not ours. kIo
// where `.shardwright-undo`, an entry or what an entry holds is a symbolic link or of another kind
// than we make: it comes with the model, from whoever made that, and nothing may be reached through
// it.
Result<std::vector<UndoEntry>> undo_entries(const std::string& folder);

// The folders between the model or the entry and a file that the entry changes are folders: kIo
// where one is a symbolic link.
Status has_own_folders(const std::string& folder, const UndoEntry& entry);

// Replaces the manifest of the entry in one step, and syncs it.
Status write_manifest(const Disk& disk, const std::string& entry, const Manifest& manifest);
Status remove_manifest(const Disk& disk, const std::string& entry);

}  // namespace shardwright
