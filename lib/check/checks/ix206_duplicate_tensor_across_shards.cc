// IX206: two shards hold a tensor of the same name.
// docs/checks/IX206-duplicate-tensor-across-shards.md
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/purpose.h"
#include "check/shard_names.h"

namespace shardwright {
namespace {

enum class Bytes : std::uint8_t { kDiffer, kEqual, kEqualSample };

Bytes compare(const Model& model, const StoredTwice& twice) {
  const auto& differing = model.data.duplicates_differ;
  if (std::ranges::find(differing, twice.kept->name) != differing.end()) return Bytes::kDiffer;
  const bool read = model.data.complete && twice.earlier->readable && twice.kept->readable;
  return read ? Bytes::kEqual : Bytes::kEqualSample;
}

Report finding_of(const Model& model, const StoredTwice& twice) {
  const Checkpoint& checkpoint = model.checkpoint;
  const std::string& earlier = checkpoint.shards[twice.earlier->shard].file;
  const std::string& kept = checkpoint.shards[twice.kept->shard].file;
  const std::string what = fmt::format("{} is stored in {} and in {}", quoted(twice.kept->name),
                                       quoted(earlier), quoted(kept));
  Report finding{.tensor = std::string(twice.kept->name)};
  switch (compare(model, twice)) {
    case Bytes::kDiffer:
      finding.message = fmt::format(
          "{}, and the two differ: transformers takes the one of {}, and other loaders may take "
          "the other",
          what, quoted(kept));
      finding.severity = Severity::kError;
      finding.fix = no_fix(
          "nobody can tell which of the two is meant: compare them with the model "
          "that they come from, and remove the file that is not");
      finding.group = "differ";
      break;
    case Bytes::kEqual:
      finding.message = fmt::format("{}, with the same bytes: one copy is needless", what);
      finding.fix = safe_fix("drop the copy that transformers does not keep",
                             {edit::DropTensor{earlier, std::string(twice.kept->name)}});
      finding.group = "equal";
      break;
    case Bytes::kEqualSample:
      finding.message = fmt::format("{}; they are equal in a sample, proof with --data", what);
      finding.group = "sample";
      break;
  }
  return finding;
}

void duplicate_tensor_across_shards(const Model& model, const Reporter& report) {
  if (is_collection(model.checkpoint)) return;  // each file is a model by itself
  // Without an index the shards of two sets are all there is to say: IX211.
  if (!model.checkpoint.index && shard_families(model.checkpoint, ShardUse::kLoaded).size() > 1)
    return;
  const auto is_replaced = [&](const Tensor& tensor) {
    return std::ranges::find(model.index_join.replaced, tensor.shard, &ReplacedShard::shard) !=
           model.index_join.replaced.end();
  };
  for (const StoredTwice& twice : model.index_join.twice) {
    if (is_replaced(*twice.earlier) || is_replaced(*twice.kept)) continue;  // IX216
    report(finding_of(model, twice));
  }
}

}  // namespace

extern const Check kDuplicateTensorAcrossShards;
constinit const Check kDuplicateTensorAcrossShards{
    .code = "IX206",
    .name = "duplicate-tensor-across-shards",
    .summary = "two shards hold a tensor of the same name",
    .severity = Severity::kWarning,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = duplicate_tensor_across_shards,
};

}  // namespace shardwright
