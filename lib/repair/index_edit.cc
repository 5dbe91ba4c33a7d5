#include "repair/index_edit.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/checked.h"
#include "base/try.h"
#include "base/utf8.h"
#include "check/shard_names.h"
#include "checkpoint/index.h"
#include "json/edit.h"

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

// Whether the text is one that edits can keep.
bool is_index(const Index& index) {
  using enum IndexDefectKind;
  return index.text && index.count(kNotUtf8) == 0 && index.count(kNotJson) == 0 &&
         index.count(kTooDeep) == 0 && index.count(kNotObject) == 0;
}

bool has_flawed_map(const Index& index) {
  using enum IndexDefectKind;
  return index.count(kNoWeightMap) > 0 || index.count(kWeightMapNotObject) > 0 ||
         index.count(kEntryNotString) > 0 || index.count(kDuplicateName) > 0;
}

// Without what some readers refuse: a byte-order mark, and keys that stand twice.
Result<std::string> tidied(const Index& index) {
  std::string_view text = *index.text;
  if (index.count(IndexDefectKind::kByteOrderMark) > 0) text.remove_prefix(3);
  if (index.count(IndexDefectKind::kDuplicateKey) == 0) return std::string(text);
  SW_TRY(std::string once, json::remove_shadowed(text, ""));
  return index.has_metadata ? json::remove_shadowed(once, "/metadata") : once;
}

// What an index is to say: a map, or the one that is there.
struct Wanted {
  std::optional<std::vector<Entry>> map{};
  std::uint64_t total{};
};

Result<std::optional<IndexText>> edited(const Index& index, std::string text,
                                        const Wanted& wanted) {
  const bool as_it_is = text == *index.text && index.has_metadata && !wanted.map;
  if (wanted.map) {
    SW_TRY(text, json::set_value(text, "/weight_map", write_weight_map(*wanted.map)));
  }
  if (!index.has_metadata) {
    SW_TRY(text, json::set_value(text, "/metadata", "{}"));
  }
  if (index.total_size_form != TotalSizeForm::kWhole || index.total_size != wanted.total) {
    SW_TRY(text, json::set_value(text, "/metadata/total_size", fmt::format("{}", wanted.total)));
  }
  if (text == *index.text) return std::optional<IndexText>();
  IndexText next{.text = std::move(text)};
  if (as_it_is) next.total = wanted.total;
  return std::optional(std::move(next));
}

}  // namespace

Result<std::optional<IndexText>> rebuilt_index(const Checkpoint& checkpoint, const Drafts& drafts) {
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
  const std::uint64_t total = total_of(stored);
  if (!checkpoint.index || !is_index(checkpoint.index->index)) {
    return std::optional(IndexText{.text = write_index(entries, total, {})});
  }
  const Index& index = checkpoint.index->index;
  const auto is_right = [&](const IndexEntry& entry) {
    const auto found = stored.find(entry.name);
    return found != stored.end() && found->second.file == index.files[entry.file];
  };
  const bool same_map = !has_flawed_map(index) && index.entries.size() == stored.size() &&
                        std::ranges::all_of(index.entries, is_right);
  SW_TRY(std::string text, tidied(index));
  return edited(
      index, std::move(text),
      {.map = same_map ? std::nullopt : std::optional(std::move(entries)), .total = total});
}

Result<std::optional<IndexText>> followed_index(const Checkpoint& checkpoint,
                                                const Drafts& drafts) {
  if (!checkpoint.index || !is_index(checkpoint.index->index)) return std::optional<IndexText>();
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
  if (!concerned) return std::optional<IndexText>();
  for (const auto& [file, draft] : drafts) {
    for (const DraftTensor& tensor : draft.tensors) {
      if (tensor.stored != nullptr || !named.insert(tensor.name).second) continue;
      entries.emplace_back(tensor.name, draft.file);
      changed = true;
    }
  }
  const std::uint64_t total = followed_total(checkpoint, drafts, stored);
  if (!changed && total == index.total_size) return std::optional<IndexText>();
  return edited(
      index, *index.text,
      {.map = changed ? std::optional(std::move(entries)) : std::nullopt, .total = total});
}

std::string members_carried(const Checkpoint& checkpoint) {
  if (!checkpoint.index) return "";
  std::vector<std::string> keys;
  for (const std::string_view key : checkpoint.index->index.others) {
    if (std::ranges::find(keys, quoted(key)) == keys.end()) keys.push_back(quoted(key));
  }
  return fmt::format("{}", fmt::join(keys, ", "));
}

}  // namespace shardwright
