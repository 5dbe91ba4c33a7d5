// Which tensor goes into which shard, and what shards are called: as the hub's own tools do it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shardwright/result.h"

namespace shardwright {

// Positions of tensors, one list a shard.
using ShardSplit = std::vector<std::vector<std::size_t>>;

// In order, none larger than `limit` unless one tensor is; such a tensor has a shard of its own,
// which comes before the one being filled. Source: split_torch_state_dict_into_shards of
// huggingface_hub 1.29 (serialization/_base.py).
ShardSplit split_by_size(std::span<const std::uint64_t> tensor_bytes, std::uint64_t limit);

// In order, `shards` of nearly equal size. kInvalidArgument where there are fewer tensors.
Result<ShardSplit> split_by_count(std::span<const std::uint64_t> tensor_bytes,
                                  std::uint64_t shards);

// "model.safetensors", or "model-00001-of-00002.safetensors" where there are several.
std::string shard_name(std::uint64_t position, std::uint64_t shards);

}  // namespace shardwright
