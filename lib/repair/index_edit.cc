#include "repair/index_edit.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "check/shard_names.h"

namespace shardwright {
namespace {

using Entry = std::pair<std::string_view, std::string_view>;  // tensor, file

struct Placed {
  std::string_view file{};
  std::uint64_t bytes{};
};
using PlacedTensors = std::unordered_map<std::string_view, Placed>;

// All tensors of the loaded shards as they will be; of equal names the last, as loaders take it.
PlacedTensors stored_tensors(const Checkpoint& checkpoint, const Drafts& drafts) {
  std::vector<const DraftShard*> by_shard;
  for (const Shard& shard : checkpoint.shards) {
    const auto found = drafts.find(shard.file);
    by_shard.push_back(found == drafts.end() ? nullptr : &found->second);
  }
  PlacedTensors stored;
  std::size_t next = 0;
  for (std::size_t i = 0; i < checkpoint.shards.size(); ++i) {
    const DraftShard* draft = by_shard[i];
    const std::string_view file = draft != nullptr ? draft->file : checkpoint.shards[i].file;
    const bool rewritten = draft != nullptr && draft->rewritten;
    for (; next < checkpoint.tensors.size() && checkpoint.tensors[next].shard == i; ++next) {
      const Tensor& tensor = checkpoint.tensors[next];
      if (!rewritten) stored[tensor.name] = {file, tensor.bytes};
    }
    if (!rewritten) continue;
    for (const DraftTensor& tensor : draft->tensors)
      stored[tensor.name] = {file, bytes_of(tensor)};
  }
  return stored;
}

std::uint64_t total_of(const PlacedTensors& stored) {
  std::uint64_t total = 0;
  for (const auto& [name, placed] : stored)
    total = checked_add(total, placed.bytes).value_or(total);
  return total;
}

// What becomes of the entries of one shard.
class Fates {
 public:
  Fates(const Checkpoint& checkpoint, const Drafts& drafts) : drafts_(drafts) {
    for (const Tensor& tensor : checkpoint.tensors) {
      const auto draft = drafts.find(checkpoint.shards[tensor.shard].file);
      if (draft == drafts.end() || !draft->second.rewritten) continue;
      held_[draft->first].insert(tensor.name);
    }
    for (const auto& [file, draft] : drafts) {
      for (const DraftTensor& tensor : draft.tensors) {
        if (tensor.stored != nullptr && draft.rewritten) now_[file][tensor.stored->name] = &tensor;
      }
    }
  }

  // The entry to come; none where its tensor goes.
  [[nodiscard]] std::optional<Entry> follow(const Entry& entry, const PlacedTensors& stored) const {
    const auto draft = drafts_.find(entry.second);
    if (draft == drafts_.end()) return entry;
    const DraftShard& shard = draft->second;
    if (const DraftTensor* tensor = find(now_, entry); tensor != nullptr) {
      return Entry(tensor->name, shard.file);
    }
    const auto held = held_.find(entry.second);
    const bool goes = held != held_.end() && held->second.contains(entry.first);
    if (!goes && !shard.file.empty()) return Entry(entry.first, shard.file);
    const auto elsewhere = stored.find(entry.first);
    if (elsewhere == stored.end()) return std::nullopt;
    return Entry(entry.first, elsewhere->second.file);
  }

 private:
  using Now = std::map<std::string_view, std::unordered_map<std::string_view, const DraftTensor*>>;

  static const DraftTensor* find(const Now& now, const Entry& entry) {
    const auto shard = now.find(entry.second);
    if (shard == now.end()) return nullptr;
    const auto tensor = shard->second.find(entry.first);
    return tensor == shard->second.end() ? nullptr : tensor->second;
  }

  const Drafts& drafts_;
  Now now_;
  std::map<std::string_view, std::unordered_set<std::string_view>> held_;
};

// The total of the old index, moved by what the changed shards gain and lose.
std::uint64_t followed_total(const Checkpoint& checkpoint, const Drafts& drafts,
                             const PlacedTensors& stored) {
  const auto old_total = checkpoint.index->index.total_size;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  for (const Tensor& tensor : checkpoint.tensors) {
    const auto draft = drafts.find(checkpoint.shards[tensor.shard].file);
    if (draft != drafts.end() && draft->second.rewritten) before += tensor.bytes;
  }
  for (const auto& [file, draft] : drafts) {
    for (const DraftTensor& tensor : draft.tensors)
      after += draft.rewritten ? bytes_of(tensor) : 0;
  }
  if (!old_total || *old_total < before) return total_of(stored);
  return *old_total - before + after;
}

}  // namespace

std::string rebuilt_index(const Checkpoint& checkpoint, const Drafts& drafts) {
  PlacedTensors stored = stored_tensors(checkpoint, drafts);
  for (const Shard* shard : unindexed_shards(checkpoint)) {
    if (!shard->header) continue;
    for (const safetensors::TensorEntry& entry : shard->header->tensors)
      stored.try_emplace(entry.name, Placed{shard->file, entry.end - entry.begin});
  }
  std::vector<Entry> entries;
  entries.reserve(stored.size());
  for (const auto& [name, placed] : stored)
    entries.emplace_back(name, placed.file);
  std::vector<Entry> metadata;
  if (checkpoint.index) metadata = checkpoint.index->index.metadata;
  return write_index(entries, total_of(stored), metadata);
}

std::optional<std::string> followed_index(const Checkpoint& checkpoint, const Drafts& drafts) {
  if (!checkpoint.index) return std::nullopt;
  const Index& index = checkpoint.index->index;
  const PlacedTensors stored = stored_tensors(checkpoint, drafts);
  const Fates fates(checkpoint, drafts);
  std::vector<Entry> entries;
  std::unordered_set<std::string_view> named;
  bool changed = false;
  bool concerned = false;
  for (const IndexEntry& now : index.entries) {
    const Entry entry(now.name, index.files[now.file]);
    concerned = concerned || drafts.contains(entry.second);
    const auto next = fates.follow(entry, stored);
    changed = changed || next != entry;
    if (next && named.insert(next->first).second) entries.push_back(*next);
  }
  if (!concerned) return std::nullopt;
  for (const auto& [file, draft] : drafts) {
    for (const DraftTensor& tensor : draft.tensors) {
      if (tensor.stored != nullptr || !named.insert(tensor.name).second) continue;
      entries.emplace_back(tensor.name, draft.file);
      changed = true;
    }
  }
  const std::uint64_t total = followed_total(checkpoint, drafts, stored);
  if (!changed && total == index.total_size) return std::nullopt;
  return write_index(entries, total, index.metadata);
}

}  // namespace shardwright
