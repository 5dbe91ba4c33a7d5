#include "check/whole_set.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "check/check.h"
#include "check/shard_names.h"

namespace shardwright {
namespace {

std::vector<const Shard*> shards_of(const Checkpoint& checkpoint, const ShardFamily& family) {
  std::vector<const Shard*> shards;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use == ShardUse::kLoaded && family.has(shard.file)) shards.push_back(&shard);
  }
  return shards;
}

// All that the rule needs is there once, in the right shape, and nothing else.
bool is_whole_set(const Model& model, const ShardFamily& family) {
  if (!family.absent(1).empty()) return false;
  std::unordered_set<std::string_view> names;
  for (const Shard* shard : shards_of(model.checkpoint, family)) {
    if (!is_sound(*shard)) return false;
    for (const safetensors::TensorEntry& entry : shard->header->tensors) {
      const ExpectedTensor* wanted = model.expected->find(entry.name);
      if (wanted == nullptr || !same_shape(wanted->shape, entry.shape) || !entry.readable ||
          !names.insert(entry.name).second) {
        return false;
      }
    }
  }
  return std::ranges::all_of(model.expected->tensors, [&](const ExpectedTensor& wanted) {
    return wanted.optional || names.contains(wanted.name);
  });
}

}  // namespace

std::optional<OneWholeSet> one_whole_set(const Model& model) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (checkpoint.index || !model.join.compared || !model.expected) return std::nullopt;
  std::optional<OneWholeSet> found;
  const auto families = shard_families(checkpoint, ShardUse::kLoaded);
  for (const ShardFamily& family : families) {
    if (!is_whole_set(model, family)) continue;
    if (found) return std::nullopt;
    found = OneWholeSet{.text = family.text()};
    for (const Shard& shard : checkpoint.shards) {
      if (shard.use != ShardUse::kLoaded || family.has(shard.file)) continue;
      if (!shard_number(shard.file)) return std::nullopt;
      found->others.push_back(shard.file);
    }
  }
  return found;
}

}  // namespace shardwright
