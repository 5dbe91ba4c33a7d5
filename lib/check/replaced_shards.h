// Shards in whose place another shard of the set lies: a copy that went to the wrong name, or a
// file of a save that was divided otherwise.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace shardwright {

struct ReplacedShard {
  std::uint32_t shard{};                 // position in Checkpoint::shards
  std::uint64_t placed{};                // tensors that the index places in it
  std::vector<std::string_view> lost{};  // of them, those that no loaded shard holds
  // What it holds that the index places in another shard, and the first of those shards.
  std::uint64_t foreign{};
  std::string_view foreign_file{};
};

// Loaded shards that lack tensors which nothing else holds, and of what they hold have more that
// belongs to others than of their own. Views live as long as the checkpoint.
std::vector<ReplacedShard> replaced_shards(const Checkpoint& checkpoint);

}  // namespace shardwright
