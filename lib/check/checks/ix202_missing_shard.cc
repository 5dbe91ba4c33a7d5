// IX202: a shard that the index or the config names is absent.
// docs/checks/IX202-missing-shard.md
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/coverage.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

// Whether the files that the index does not name hold all that it names: the model was divided anew
// and kept its old index.
bool strays_hold_everything(const Checkpoint& checkpoint) {
  std::unordered_set<std::string_view> names;
  for (const Shard& shard : checkpoint.shards) {
    if (!shard.header) continue;
    for (const safetensors::TensorEntry& entry : shard.header->tensors)
      names.insert(entry.name);
  }
  return std::ranges::all_of(checkpoint.index->index.entries,
                             [&](const IndexEntry& entry) { return names.contains(entry.name); });
}

Fix fix_for(const Model& model, std::size_t lost) {
  Fix fix = number_fix(model);
  if (lost == 0 || fix.safety == Safety::kSafe) return fix;
  if (strays_hold_everything(model.checkpoint)) {
    return no_fix(
        fmt::format("files that {} does not name hold all of its tensors: if they are the "
                    "model, remove the index and run repair, which writes a new one",
                    quoted(model.checkpoint.index->name)));
  }
  return no_fix(
      "its tensors are nowhere else: fetch the shard again, for example with 'hf "
      "download'");
}

// transformers 5 loads the file that the config names, and no other in its place.
void missing_configured(const Model& model, const Reporter& report) {
  constexpr std::string_view kKey = "transformers_weights";
  const Checkpoint& checkpoint = model.checkpoint;
  const json::Value* config = checkpoint.config_value();
  const json::Value* named = config != nullptr ? config->find(kKey) : nullptr;
  if (named == nullptr || named->string() == nullptr || !checkpoint.folder) return;
  const std::string& file = *named->string();
  if (!is_inside(file) || checkpoint.folder->describe(file).kind != EntryKind::kAbsent) return;
  const std::string pointer = "/" + std::string(kKey);
  const auto loaded = std::ranges::find(checkpoint.shards, ShardUse::kLoaded, &Shard::use);
  Report finding{.file = checkpoint.config->name,
                 .pointer = pointer,
                 .message = fmt::format("{} of the config names {}, which is not there: {}", kKey,
                                        quoted(file), prints("No such file or directory")),
                 .group = pointer,
                 .places = {file}};
  finding.fix =
      loaded == checkpoint.shards.end()
          ? no_fix("fetch the file again, for example with 'hf download'")
          : unsafe_fix(
                fmt::format("set {} to null, so that {} is loaded", kKey,
                            quoted(checkpoint.index ? checkpoint.index->name : loaded->file)),
                {edit::SetJson{checkpoint.config->name, pointer, "null"}});
  report(std::move(finding));
}

void missing_shard(const Model& model, const Reporter& report) {
  missing_configured(model, report);
  const auto& absent = model.index_join.absent;
  if (absent.empty()) return;
  std::vector<std::string> files;
  std::size_t named = 0;
  std::size_t lost = 0;
  for (const AbsentShard& shard : absent) {
    files.push_back(shard.shard->file);
    named += shard.entries.size();
    lost += shard.lost.size();
  }
  const std::string fate =
      lost == named
          ? fmt::format("the index places {} in {}", counted(named, "tensor"),
                        files.size() == 1 ? "it" : "them")
          : fmt::format("the index places {} in {}, of which other shards hold {}",
                        counted(named, "tensor"), files.size() == 1 ? "it" : "them", named - lost);
  Report finding{.message = fmt::format("{} {} absent: {}; {}", some_of(files),
                                        files.size() == 1 ? "is" : "are", fate,
                                        prints("No such file or directory")),
                 .fix = fix_for(model, lost)};
  if (files.size() == 1) finding.file = files.front();
  finding.places = std::move(files);
  report(std::move(finding));
}

}  // namespace

extern const Check kMissingShard;
constinit const Check kMissingShard{
    .code = "IX202",
    .name = "missing-shard",
    .summary = "a shard that the index or the config names is absent",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = missing_shard,
};

}  // namespace shardwright
