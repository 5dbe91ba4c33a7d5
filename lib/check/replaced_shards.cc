#include "check/replaced_shards.h"

#include <algorithm>
#include <unordered_map>

#include "check/join.h"

namespace shardwright {
namespace {

using FileOfName = std::unordered_map<std::string_view, std::string_view>;

// Shards that hold a tensor of which another one has the name too: only these can be another's.
std::vector<ReplacedShard> sharing_shards(const Checkpoint& checkpoint) {
  std::vector<std::uint32_t> shards;
  for (const auto& [earlier, kept] : checkpoint.superseded) {
    shards.push_back(checkpoint.tensors[earlier].shard);
    shards.push_back(checkpoint.tensors[kept].shard);
  }
  std::ranges::sort(shards);
  const auto again = std::ranges::unique(shards);
  shards.erase(again.begin(), again.end());
  std::vector<ReplacedShard> result;
  for (const std::uint32_t shard : shards) {
    if (is_sound(checkpoint.shards[shard])) result.push_back({.shard = shard});
  }
  return result;
}

void count_placed(const Checkpoint& checkpoint, const FileOfName& file_of,
                  std::vector<ReplacedShard>& shards) {
  std::unordered_map<std::string_view, ReplacedShard*> by_file;
  for (ReplacedShard& shard : shards)
    by_file.emplace(checkpoint.shards[shard.shard].file, &shard);
  for (const auto& [name, file] : file_of) {
    const auto found = by_file.find(file);
    if (found == by_file.end()) continue;
    ++found->second->placed;
    if (checkpoint.find(name) == nullptr) found->second->lost.push_back(name);
  }
}

// Whether more of what it holds belongs to others than to itself.
bool is_of_others(const Checkpoint& checkpoint, const FileOfName& file_of, ReplacedShard& shard) {
  const Shard& stored = checkpoint.shards[shard.shard];
  std::uint64_t own = 0;
  for (const safetensors::TensorEntry& entry : stored.header->tensors) {
    const auto placed = file_of.find(entry.name);
    if (placed == file_of.end()) continue;
    if (placed->second == stored.file) {
      ++own;
    } else if (shard.foreign++ == 0) {
      shard.foreign_file = placed->second;
    }
  }
  return shard.foreign > own;
}

}  // namespace

std::vector<ReplacedShard> replaced_shards(const Checkpoint& checkpoint) {
  if (!checkpoint.index || !checkpoint.index_decides || checkpoint.superseded.empty()) return {};
  const Index& index = checkpoint.index->index;
  FileOfName file_of;
  for (const IndexEntry& entry : index.entries)
    file_of.insert_or_assign(entry.name, index.files[entry.file]);
  std::vector<ReplacedShard> shards = sharing_shards(checkpoint);
  count_placed(checkpoint, file_of, shards);
  std::erase_if(shards, [&](ReplacedShard& shard) {
    return shard.lost.empty() || !is_of_others(checkpoint, file_of, shard);
  });
  for (ReplacedShard& shard : shards)
    std::ranges::sort(shard.lost);
  return shards;
}

}  // namespace shardwright
