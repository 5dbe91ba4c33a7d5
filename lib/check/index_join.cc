#include "check/index_join.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "check/join.h"

namespace shardwright {
namespace {

constexpr std::uint32_t kNoShard = ~std::uint32_t{0};

// For each file of the index its position in Checkpoint::shards.
std::vector<std::uint32_t> shards_of(const Checkpoint& checkpoint) {
  std::unordered_map<std::string_view, std::uint32_t> by_file;
  for (std::uint32_t i = 0; i < checkpoint.shards.size(); ++i) {
    if (checkpoint.shards[i].use == ShardUse::kLoaded)
      by_file.emplace(checkpoint.shards[i].file, i);
  }
  std::vector<std::uint32_t> shards;
  for (const auto& file : checkpoint.index->index.files) {
    const auto found = by_file.find(file);
    shards.push_back(found == by_file.end() ? kNoShard : found->second);
  }
  return shards;
}

// Names of which the header has an entry that is no tensor: the checks of the file speak of them.
std::unordered_set<std::string_view> broken_names(const Checkpoint& checkpoint) {
  std::unordered_set<std::string_view> names;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded || !shard.header) continue;
    for (const safetensors::Defect& defect : shard.header->defects) {
      if (!defect.tensor.empty()) names.insert(defect.tensor);
    }
  }
  return names;
}

class Joiner {
 public:
  explicit Joiner(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint),
        shard_of_(shards_of(checkpoint)),
        absent_of_(checkpoint.shards.size()),
        named_(checkpoint.tensors.size()) {
    for (const IndexDefect& defect : checkpoint.index->index.defects) {
      if (defect.kind == IndexDefectKind::kEntryNotString) misnamed_.insert(defect.name);
    }
  }

  void run(IndexJoin& result) {
    for (const StoredTwice& twice : result.twice)
      copies_[twice.kept->name].push_back(twice.earlier->shard);
    gather_absent(result);
    result.replaced = replaced_shards(checkpoint_);
    for (const ReplacedShard& replaced : result.replaced)
      lost_.insert(replaced.lost.begin(), replaced.lost.end());
    for (const IndexEntry& entry : checkpoint_.index->index.entries)
      take(entry, result);
    for (std::size_t i = 0; i < named_.size(); ++i) {
      const Tensor& tensor = checkpoint_.tensors[i];
      if (!named_[i] && checkpoint_.find(tensor.name) == &tensor && !is_misnamed(tensor.name)) {
        result.unindexed.push_back(&tensor);
      }
    }
  }

 private:
  void gather_absent(IndexJoin& result) {
    for (std::size_t i = 0; i < checkpoint_.shards.size(); ++i) {
      const Shard& shard = checkpoint_.shards[i];
      if (shard.use != ShardUse::kLoaded || shard.present) continue;
      absent_of_[i] = result.absent.size() + 1;
      result.absent.push_back({.shard = &shard});
    }
  }

  void take(const IndexEntry& entry, IndexJoin& result) {
    const Tensor* stored = checkpoint_.find(entry.name);
    if (stored != nullptr)
      named_[static_cast<std::size_t>(stored - checkpoint_.tensors.data())] = true;
    const std::uint32_t at = shard_of_[entry.file];
    if (at == kNoShard) return;  // outside the folder
    if (absent_of_[at] != 0) {
      AbsentShard& absent = result.absent[absent_of_[at] - 1];
      absent.entries.push_back(&entry);
      if (stored == nullptr) absent.lost.push_back(&entry);
      return;
    }
    if (stored != nullptr) {
      if (stored->shard != at && !has_copy(entry.name, at) && is_sound(checkpoint_.shards[at])) {
        result.misplaced.push_back({&entry, stored});
      }
    } else if (is_sound(checkpoint_.shards[at]) && !is_broken(entry.name) &&
               !lost_.contains(entry.name)) {
      result.phantoms.push_back(&entry);
    }
  }

  // The index has the name, and what it maps it to is no name of a shard: IX201 speaks of it.
  [[nodiscard]] bool is_misnamed(std::string_view name) const { return misnamed_.contains(name); }

  [[nodiscard]] bool has_copy(std::string_view name, std::uint32_t shard) const {
    const auto found = copies_.find(name);
    return found != copies_.end() && std::ranges::find(found->second, shard) != found->second.end();
  }

  bool is_broken(std::string_view name) {
    if (!broken_) broken_ = broken_names(checkpoint_);
    return broken_->contains(name);
  }

  const Checkpoint& checkpoint_;
  std::vector<std::uint32_t> shard_of_;
  std::vector<std::size_t> absent_of_;  // by shard: 1 + position in IndexJoin::absent, or 0
  std::vector<bool> named_;             // by tensor
  std::unordered_set<std::string_view> misnamed_;
  std::unordered_set<std::string_view> lost_;  // by replaced shards
  std::unordered_map<std::string_view, std::vector<std::uint32_t>> copies_;
  std::optional<std::unordered_set<std::string_view>> broken_;
};

}  // namespace

bool has_two_maps(const Index& index) {
  return std::ranges::any_of(index.defects, [](const IndexDefect& defect) {
    return defect.kind == IndexDefectKind::kDuplicateKey && defect.name == "/weight_map";
  });
}

IndexJoin join_index(const Checkpoint& checkpoint) {
  IndexJoin result;
  for (const auto& [earlier, kept] : checkpoint.superseded)
    result.twice.push_back({&checkpoint.tensors[earlier], &checkpoint.tensors[kept]});
  if (checkpoint.index && checkpoint.index_decides) Joiner(checkpoint).run(result);
  return result;
}

}  // namespace shardwright
