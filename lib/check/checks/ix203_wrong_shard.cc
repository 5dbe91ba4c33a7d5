// IX203: the index maps a tensor to a shard that does not hold it, and another does.
// docs/checks/IX203-wrong-shard.md
#include <string>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/coverage.h"
#include "json/value.h"

namespace shardwright {
namespace {

void wrong_shard(const Model& model, const Reporter& report) {
  if (model.index_join.misplaced.empty()) return;
  const IndexFile& file = *model.checkpoint.index;
  Report finding{.file = file.name,
                 .fix = rebuild_fix(model, "write the index from the headers of the shards")};
  for (const MisplacedTensor& misplaced : model.index_join.misplaced)
    finding.places.emplace_back(misplaced.entry->name);
  const MisplacedTensor& first = model.index_join.misplaced.front();
  finding.tensor = first.entry->name;
  finding.pointer = "/weight_map/" + json::pointer_step(first.entry->name);
  finding.message = fmt::format(
      "the index places {} in {}, and it is stored in {}: transformers reads all shards and finds "
      "it, loaders that go by the index do not",
      quoted(first.entry->name), quoted(file.index.files[first.entry->file]),
      quoted(model.checkpoint.shards[first.stored->shard].file));
  report(std::move(finding));
}

}  // namespace

extern const Check kWrongShard;
constinit const Check kWrongShard{
    .code = "IX203",
    .name = "wrong-shard",
    .summary = "the index places a tensor in a shard that does not hold it, and another does",
    .severity = Severity::kError,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = wrong_shard,
};

}  // namespace shardwright
