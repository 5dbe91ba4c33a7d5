// ST130: shards are readable for their owner alone, and the files beside them for all.
// docs/checks/ST130-restricted-mode.md
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/wording.h"

namespace shardwright {
namespace {

constexpr mode_t kReadByOthers = 0044;

bool is_restricted(const Shard& shard) {
  return shard.use == ShardUse::kLoaded && shard.entry.kind == EntryKind::kFile &&
         (shard.entry.mode & kReadByOthers) == 0;
}

void restricted_mode(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (!checkpoint.folder || checkpoint.kind == CheckpointKind::kFile) return;
  const auto& entries = checkpoint.folder->entries();
  const auto open = std::ranges::find_if(entries, [](const FolderEntry& entry) {
    return entry.kind == EntryKind::kFile && entry.name.ends_with(".json") &&
           (entry.mode & kReadByOthers) == kReadByOthers;
  });
  if (open == entries.end()) return;
  std::vector<std::string> files;
  mode_t mode = 0;
  for (const Shard& shard : checkpoint.shards) {
    if (!is_restricted(shard)) continue;
    if (files.empty()) mode = shard.entry.mode;
    files.push_back(shard.file);
  }
  if (files.empty()) return;
  Report finding{.message = fmt::format(
                     "{} can be read by {} owner alone (mode {:04o}), and {} by all ({:04o}): "
                     "another user or a container finds no weights; 'chmod 644' opens them",
                     some_of(files), files.size() == 1 ? "its" : "their", mode, quoted(open->name),
                     open->mode)};
  if (files.size() == 1) finding.file = files.front();
  finding.places = std::move(files);
  report(std::move(finding));
}

}  // namespace

extern const Check kRestrictedMode;
constinit const Check kRestrictedMode{
    .code = "ST130",
    .name = "restricted-mode",
    .summary = "shards can be read by their owner alone, and the files beside them by all",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = restricted_mode,
};

}  // namespace shardwright
