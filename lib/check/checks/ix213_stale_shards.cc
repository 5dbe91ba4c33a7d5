// IX213: files lie beside the shards that are loaded.
// docs/checks/IX213-stale-shards.md
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/coverage.h"
#include "check/fixes.h"
#include "check/purpose.h"
#include "check/shard_names.h"
#include "check/single_file.h"
#include "check/wording.h"

namespace shardwright {
namespace {

enum class StrayKind : std::uint8_t { kQuiet, kHarmless, kBroken, kStale };

bool is_same_file(const Shard& a, const Shard& b) {
  return a.entry.inode != 0 && a.entry.inode == b.entry.inode && a.entry.device == b.entry.device;
}

bool shares_a_name(const Checkpoint& checkpoint, const Shard& stray) {
  return stray.header &&
         std::ranges::any_of(stray.header->tensors, [&](const safetensors::TensorEntry& tensor) {
           return checkpoint.find(tensor.name) != nullptr;
         });
}

class Judge {
 public:
  explicit Judge(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint),
        families_(shard_families(checkpoint, ShardUse::kLoaded)),
        two_sets_(checkpoint.index && single_file(checkpoint) != nullptr) {}

  [[nodiscard]] StrayKind kind(const Shard& stray) const {
    const auto same = [&](const Shard& other) {
      return other.use == ShardUse::kLoaded && is_same_file(stray, other);
    };
    if (std::ranges::any_of(checkpoint_.shards, same)) return StrayKind::kQuiet;
    if (two_sets_ && is_indexed(stray.file)) return StrayKind::kQuiet;  // IX212
    if (stray.file == kAdapterWeights && checkpoint_.side_file(kAdapterConfig) != nullptr) {
      return StrayKind::kQuiet;  // PEFT loads it
    }
    const auto is_of = [&](const ShardFamily& family) { return family.has(stray.file); };
    if (std::ranges::any_of(families_, is_of)) return StrayKind::kQuiet;  // IX205
    if (is_variant_name(stray.file)) return StrayKind::kHarmless;
    if (shares_a_name(checkpoint_, stray)) return StrayKind::kStale;
    if (!stray.header || !stray.header->usable()) return StrayKind::kBroken;
    return is_of_other_save(stray) ? StrayKind::kStale : StrayKind::kHarmless;
  }

 private:
  // "model-00001-of-00003" beside "model-00001-of-00002". Another stem ("consolidated") is another
  // form of the model, kept on purpose.
  [[nodiscard]] bool is_of_other_save(const Shard& stray) const {
    const auto number = shard_number(stray.file);
    return number && std::ranges::any_of(families_, [&](const ShardFamily& family) {
             return family.before == number->before;
           });
  }

  [[nodiscard]] bool is_indexed(std::string_view file) const {
    const auto& files = checkpoint_.index->index.files;
    return std::ranges::find(files, file) != files.end();
  }

  const Checkpoint& checkpoint_;
  std::vector<ShardFamily> families_;
  bool two_sets_;
};

void report_those(std::vector<std::string> files, Severity severity, std::string_view what,
                  std::optional<Fix> fix, const Reporter& report) {
  if (files.empty()) return;
  Report finding{.message = fmt::format("{} {} beside the files that transformers loads: {}",
                                        some_of(files), files.size() == 1 ? "lies" : "lie", what),
                 .severity = severity,
                 .fix = std::move(fix),
                 .group = std::string(what)};
  if (files.size() == 1) finding.file = files.front();
  finding.places = std::move(files);
  report(std::move(finding));
}

// They go where the rule proves that the loaded set is whole without them.
Fix fix_of(const Model& model, const std::vector<std::string>& stale) {
  const Coverage whole = coverage(model);
  if (!model.join.compared || !whole.complete) {
    return no_fix("if they are left over from another save, remove them");
  }
  std::vector<Edit> edits;
  for (const std::string& file : stale)
    edits.emplace_back(edit::DropFile{file});
  return unsafe_fix("leave the files out: the set that is loaded is whole without them",
                    std::move(edits));
}

void stale_shards(const Model& model, const Reporter& report) {
  const Judge judge(model.checkpoint);
  std::vector<std::string> stale;
  std::vector<std::string> broken;
  std::vector<std::string> harmless;
  for (const Shard& shard : model.checkpoint.shards) {
    if (shard.use != ShardUse::kStray) continue;
    switch (judge.kind(shard)) {
      case StrayKind::kStale:
        stale.push_back(shard.file);
        break;
      case StrayKind::kBroken:
        broken.push_back(shard.file);
        break;
      case StrayKind::kHarmless:
        harmless.push_back(shard.file);
        break;
      case StrayKind::kQuiet:
        break;
    }
  }
  Fix fix = fix_of(model, stale);
  report_those(std::move(stale), Severity::kWarning,
               "loaders that take all '*.safetensors' (MLX, llama.cpp, vLLM without an index) mix "
               "the two sets",
               std::move(fix), report);
  report_those(std::move(broken), Severity::kInfo, "broken, but no part of the model", std::nullopt,
               report);
  report_those(std::move(harmless), Severity::kInfo, "not part of what was checked", std::nullopt,
               report);
}

}  // namespace

extern const Check kStaleShards;
constinit const Check kStaleShards{
    .code = "IX213",
    .name = "stale-shards",
    .summary = "files of another set lie beside the shards that are loaded",
    .severity = Severity::kWarning,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = stale_shards,
};

}  // namespace shardwright
