#include "job/merge_stage.h"

#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "checkpoint/shard_split.h"
#include "io/folder.h"
#include "job/merge_facts.h"
#include "write/place.h"

namespace shardwright {

Existing existing_of(const MergeOptions& options) {
  return options.overwrite ? Existing::kReplaceModel : Existing::kRefuse;
}

Status accepts_result(const MergeOptions& options) {
  SW_TRY(const std::string place, real_place(options.output));
  std::string above = parent_of(place);
  if (exists(above)) return StagedDir::accepts(place, existing_of(options));
  while (!exists(above))  // folders on the way are made
    above = parent_of(above);
  return is_writable(above);
}

Result<MergeStage> stage_merge(const Disk& disk, const MergeOptions& options,
                               std::span<const PlanFact> now, std::vector<std::string>& notes) {
  const Existing existing = existing_of(options);
  if (options.resume) {
    std::optional<JournalContents> earlier;
    std::string difference_found;
    const auto picks = [&](const std::string& folder) {
      auto journal = read_journal(folder);
      if (!journal) return false;
      difference_found = difference(journal->facts, now);
      if (!difference_found.empty()) return false;
      earlier = *std::move(journal);
      return true;
    };
    SW_TRY(auto staged, StagedDir::resume(disk, options.output, existing, picks));
    if (staged) return MergeStage{*std::move(staged), std::move(earlier)};
    if (!difference_found.empty()) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("what a killed run left of {} cannot be gone on with: {}; without "
                               "--resume it goes, and the merge begins afresh",
                               quoted(options.output), difference_found)};
    }
    notes.emplace_back("there was nothing to resume: the merge began afresh");
  }
  SW_TRY(StagedDir fresh, StagedDir::create(disk, options.output, existing));
  return MergeStage{std::move(fresh)};
}

Status clear_beside_shards(const Disk& disk, const std::string& folder, std::size_t shards) {
  SW_TRY(const auto listing, open_folder(folder));
  std::set<std::string, std::less<>> stay = {std::string(kJournalName)};
  for (std::size_t i = 0; i < shards; ++i)
    stay.insert(shard_name(i, shards));
  for (const FolderEntry& entry : listing->entries()) {
    if (!stay.contains(entry.name)) SW_TRY_OK(disk.remove_tree(join_path(folder, entry.name)));
  }
  return ok();
}

}  // namespace shardwright
