#include "repair/apply.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "write/carry.h"
#include "write/place.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

// Files that nobody edits in place.
bool is_weights(std::string_view name) {
  constexpr std::array<std::string_view, 7> kEndings = {".safetensors", ".bin", ".gguf",   ".pt",
                                                        ".pth",         ".h5",  ".msgpack"};
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

// None where the file is new.
Result<std::optional<FileMode>> mode_of(const Checkpoint& checkpoint, const OutcomeFile& file) {
  if (file.was.empty()) return std::optional<FileMode>();
  const FolderEntry was = checkpoint.folder->describe(file.was);
  if (was.kind == EntryKind::kFile) return std::optional(FileMode{was.mode, was.owner, was.group});
  return Error{ErrorCode::kIo, fmt::format("{} is no file any more, or cannot be looked at",
                                           quoted(join_path(checkpoint.directory, file.was)))};
}

Result<WriteCount> write_content(const Disk& disk, const Checkpoint& checkpoint,
                                 const OutcomeFile& file, const std::string& path, bool digest,
                                 const StageOptions& options) {
  SW_TRY(const std::optional<FileMode> mode, mode_of(checkpoint, file));
  return write_file(disk, path, *file.content,
                    {.threads = options.threads,
                     .mode = mode,
                     .share = !options.copy,
                     .digest = digest,
                     .meter = options.meter});
}

bool is_outside(const Checkpoint& checkpoint, const std::string& path) {
  const auto real = real_path(path);
  const auto folder = real_path(checkpoint.directory);
  return !real || !folder || !is_within(*real, *folder);
}

}  // namespace

Result<StageCount> stage_folder(const Disk& disk, const Checkpoint& checkpoint,
                                const Outcome& outcome, const std::string& to,
                                const StageOptions& options) {
  StageCount count;
  CarryCount carried;
  const CarryOptions carry{
      .copy = options.copy,
      .threads = options.threads,
      .skip = [&](std::string_view name) { return outcome.gone.contains(std::string(name)); },
      .is_weights = is_weights};
  // The largest first: what does not fit fails early.
  for (const auto& [name, file] : outcome.files) {
    SW_TRY_OK(make_folders_above(disk, to, name));
    const std::string path = join_path(to, name);
    if (file.content) {
      SW_TRY(const WriteCount written, write_content(disk, checkpoint, file, path, false, options));
      count.written += written.written;
      count.linked += written.shared;
    } else {
      const std::string from = join_path(checkpoint.directory, file.was);
      const bool may_link = !is_outside(checkpoint, from) || is_weights(file.was);
      SW_TRY_OK(carry_file(disk, from, path, may_link, carry, carried));
    }
  }
  if (checkpoint.kind != CheckpointKind::kFile) {
    SW_TRY_OK(carry_folder(disk, checkpoint.directory, to, carry, carried));
  } else if (outcome.empty()) {
    const std::string& name = checkpoint.shards.front().file;
    const std::string from = join_path(checkpoint.directory, name);
    SW_TRY_OK(carry_file(disk, from, join_path(to, name), true, carry, carried));
  }
  count.written += carried.written;
  count.linked += carried.linked;
  count.linked_files = std::move(carried.linked_files);
  count.left_out = std::move(carried.left_out);
  return count;
}

Result<std::vector<Change>> stage_changes(const Disk& disk, const Checkpoint& checkpoint,
                                          const Outcome& outcome, const InPlace& work,
                                          const StageOptions& options, StageCount& count) {
  const std::vector<std::string> entries = entry_names(checkpoint);
  std::vector<Change> changes;
  for (const auto& [name, file] : outcome.files) {
    SW_TRY_OK(make_folders_above(disk, work.staging(), name));
    const std::string path = join_path(work.staging(), name);
    const std::string from = join_path(work.folder(), file.was);
    SW_TRY(const bool replaces, is_there(join_path(work.folder(), name)));
    Change change{.name = name, .kind = replaces ? ChangeKind::kReplaced : ChangeKind::kAdded};
    if (file.content) {
      SW_TRY(const WriteCount written, write_content(disk, checkpoint, file, path, true, options));
      count.written += written.written;
      count.linked += written.shared;
      change.bytes = file.content->size();
      change.digest = *written.digest;
      SW_TRY_OK(keep_owner(disk, file.was.empty() ? "" : from, path));
    } else {
      CarryCount carried;
      SW_TRY_OK(carry_file(disk, from, path, !is_outside(checkpoint, from), {}, carried));
      count.written += carried.written;
      count.linked += carried.linked;
      SW_TRY(change.digest, digest_of_file(path));
      change.bytes = carried.written + carried.linked;
    }
    changes.push_back(std::move(change));
  }
  for (const std::string& name : outcome.removed())
    changes.push_back({.name = name, .kind = ChangeKind::kRemoved});
  for (Change& change : changes)
    change.hidden = std::ranges::find(entries, change.name) != entries.end();
  if (changes.size() < 2) return changes;
  for (const std::string& name : entries) {
    if (std::ranges::find(changes, name, &Change::name) != changes.end()) continue;
    SW_TRY(const bool there, is_there(join_path(work.folder(), name)));
    if (!there) continue;
    changes.push_back({.name = name, .kind = ChangeKind::kKept, .hidden = true});
  }
  std::ranges::stable_sort(changes, {}, [&](const Change& change) {
    return std::ranges::find(entries, change.name) - entries.begin();
  });
  return changes;
}

std::vector<std::string> entry_names(const Checkpoint& checkpoint) {
  if (checkpoint.kind == CheckpointKind::kFile) return {};
  std::vector<std::string> names;
  names.push_back(checkpoint.index ? checkpoint.index->name : "model.safetensors.index.json");
  names.emplace_back("config.json");
  return names;
}

std::uint64_t bytes_to_write(const Outcome& outcome) {
  std::uint64_t bytes = 0;
  for (const auto& [name, file] : outcome.files) {
    if (file.content) bytes += file.content->size();
  }
  return bytes;
}

}  // namespace shardwright
