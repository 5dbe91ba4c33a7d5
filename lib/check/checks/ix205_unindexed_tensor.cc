// IX205: a tensor is stored and the index does not name it.
// docs/checks/IX205-unindexed-tensor.md
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/coverage.h"
#include "check/fixes.h"
#include "check/index_join.h"
#include "check/shard_names.h"
#include "check/wording.h"

namespace shardwright {
namespace {

constexpr std::string_view kConsequence =
    "transformers 4 fills it with random values, and loaders that go by the index never read it";

void report_tensors(const Model& model, const Reporter& report) {
  const auto& unindexed = model.index_join.unindexed;
  if (unindexed.empty()) return;
  const Tensor& first = *unindexed.front();
  const bool one_file = std::ranges::all_of(
      unindexed, [&](const Tensor* tensor) { return tensor->shard == first.shard; });
  const std::string& file = model.checkpoint.shards[first.shard].file;
  Report finding{.tensor = std::string(first.name),
                 .message = fmt::format("{} is stored in {}, and the index does not name it: {}",
                                        quoted(first.name), quoted(file), kConsequence),
                 .fix = rebuild_fix(model, "write the index from the headers of the shards"),
                 .group = "tensors"};
  if (one_file) finding.file = file;
  for (const Tensor* tensor : unindexed)
    finding.places.emplace_back(tensor->name);
  report(std::move(finding));
}

// The index names the shard by a path that leads out of the folder: IX208 speaks of it.
bool is_named_outside(const Checkpoint& checkpoint, const Shard& shard) {
  return std::ranges::any_of(checkpoint.outside, [&](std::string_view path) {
    const std::size_t last = path.find_last_of("/\\");
    return last != std::string_view::npos && path.substr(last + 1) == shard.file;
  });
}

// A whole shard of the set that the index leaves out. One that is known to hold nothing is no loss.
void report_shards(const Model& model, const Reporter& report) {
  const std::vector<const Shard*> shards = unindexed_shards(model.checkpoint);
  if (shards.empty()) return;
  Fix fix = rebuild_fix(model, "write the index from the headers of all shards");
  if (fix.safety == Safety::kNever) {
    fix = no_fix(
        "the index was not made for these shards: remove it and run repair, which writes a "
        "new one where the set is whole");
  }
  for (const Shard* shard : shards) {
    const std::size_t tensors = shard->header ? shard->header->tensors.size() : 0;
    if (is_named_outside(model.checkpoint, *shard)) continue;
    if (tensors == 0 && is_sound(*shard)) continue;
    report({.file = shard->file,
            .message = fmt::format("{} holds {}, and the index does not name it: no loader that "
                                   "goes by the index reads it",
                                   quoted(shard->file), counted(tensors, "tensor")),
            .fix = fix,
            .group = "shards"});
  }
}

void unindexed_tensor(const Model& model, const Reporter& report) {
  if (!model.checkpoint.index_decides) return;
  report_tensors(model, report);
  if (has_two_maps(model.checkpoint.index->index)) return;  // IX207
  report_shards(model, report);
}

}  // namespace

extern const Check kUnindexedTensor;
constinit const Check kUnindexedTensor{
    .code = "IX205",
    .name = "unindexed-tensor",
    .summary = "a tensor is stored and the index does not name it",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = unindexed_tensor,
};

}  // namespace shardwright
