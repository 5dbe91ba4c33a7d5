#include "checkpoint/shard_split.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

namespace shardwright {

ShardSplit split_by_size(std::span<const std::uint64_t> tensor_bytes, std::uint64_t limit) {
  ShardSplit shards;
  std::vector<std::size_t> current;
  std::uint64_t filled = 0;
  for (std::size_t i = 0; i < tensor_bytes.size(); ++i) {
    if (tensor_bytes[i] > limit) {
      shards.push_back({i});
      continue;
    }
    if (tensor_bytes[i] > limit - filled) {
      shards.push_back(std::exchange(current, {}));
      filled = 0;
    }
    current.push_back(i);
    filled += tensor_bytes[i];
  }
  if (!current.empty()) shards.push_back(std::move(current));
  return shards;
}

Result<ShardSplit> split_by_count(std::span<const std::uint64_t> tensor_bytes,
                                  std::uint64_t shards) {
  const std::uint64_t count = tensor_bytes.size();
  if (shards == 0 || shards > count) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} shards asked for, and there are {} tensors", shards, count)};
  }
  const std::uint64_t total =
      std::accumulate(tensor_bytes.begin(), tensor_bytes.end(), std::uint64_t{0});
  const std::uint64_t share = std::max<std::uint64_t>(1, (total + shards - 1) / shards);
  ShardSplit split(shards);
  std::uint64_t shard = 0;
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < count; ++i) {
    // By where its middle lies; no shard is skipped, and enough tensors are left for the last ones.
    const std::uint64_t middle = before + tensor_bytes[i] / 2;
    const std::uint64_t next = split[shard].empty() ? shard : shard + 1;
    shard = std::clamp(middle / share, shard, next);
    shard = std::max(std::min(shard, shards - 1), shards - std::min(shards, count - i));
    split[shard].push_back(i);
    before += tensor_bytes[i];
  }
  return split;
}

std::string shard_name(std::uint64_t position, std::uint64_t shards) {
  if (shards == 1) return "model.safetensors";
  return fmt::format("model-{:05}-of-{:05}.safetensors", position + 1, shards);
}

}  // namespace shardwright
