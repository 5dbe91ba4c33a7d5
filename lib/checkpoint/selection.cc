#include "checkpoint/selection.h"

#include <algorithm>
#include <array>

namespace shardwright {
namespace {

constexpr std::string_view kShardEnd = ".safetensors";
constexpr std::string_view kIndexMiddle = ".safetensors.index.";
constexpr std::string_view kIndexEnd = ".safetensors.index.json";

bool is_file(const Folder& folder, std::string_view name) {
  const FolderEntry* entry = folder.find(name);
  return entry != nullptr && entry->kind == EntryKind::kFile;
}

std::string if_there(const Folder& folder, std::string name) {
  return folder.find(name) != nullptr ? std::move(name) : std::string();
}

// "model-00001-of-00002.safetensors"
bool is_numbered(std::string_view name) {
  constexpr std::string_view kForm = "-00000-of-00000.safetensors";
  if (name.size() <= kForm.size()) return false;
  name.remove_prefix(name.size() - kForm.size());
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != kForm[i]) return false;
  }
  return true;
}

void sort_unique(std::vector<std::string>& names) {
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
}

}  // namespace

bool is_shard_name(std::string_view name) {
  return name.size() > kShardEnd.size() && name.ends_with(kShardEnd) && name.front() != '.';
}

bool is_index_name(std::string_view name) {
  const std::size_t middle = name.find(kIndexMiddle);
  return middle != std::string_view::npos && middle > 0 && name.front() != '.' &&
         name.ends_with(".json") && name.size() > middle + kIndexMiddle.size();
}

Weights choose_weights(const Folder& folder, std::string_view configured) {
  if (is_file(folder, configured)) {
    if (configured.ends_with(kIndexEnd)) return {.index = std::string(configured)};
    if (configured.ends_with(kShardEnd)) {
      return {.single = std::string(configured),
              .index = if_there(folder, std::string(configured) + ".index.json")};
    }
  }
  constexpr std::array<std::string_view, 2> kStems = {"model", "diffusion_pytorch_model"};
  for (const std::string_view stem : kStems) {
    std::string single = std::string(stem) += kShardEnd;
    std::string index = std::string(stem) += kIndexEnd;
    if (is_file(folder, single)) {
      return {.single = std::move(single), .index = if_there(folder, std::move(index))};
    }
    if (folder.find(index) != nullptr) return {.index = std::move(index)};
  }
  for (const FolderEntry& entry : folder.entries()) {
    if (is_index_name(entry.name)) return {.index = entry.name};
  }
  return {};
}

Weights choose_pickled(const Folder& folder) {
  constexpr std::string_view kModel = "pytorch_model.bin";
  constexpr std::string_view kIndex = "pytorch_model.bin.index.json";
  constexpr std::string_view kAdapter = "adapter_model.bin";
  if (is_file(folder, kModel)) return {.single = std::string(kModel)};
  if (is_file(folder, kIndex)) return {.index = std::string(kIndex)};
  if (is_file(folder, kAdapter)) return {.single = std::string(kAdapter)};
  return {};
}

Selection select_shards(const Weights& weights, std::span<const std::string> shards,
                        std::span<const std::string_view> indexed) {
  Selection selection;
  std::vector<std::string> inside;
  for (const std::string_view name : indexed)
    (is_inside(name) ? inside : selection.outside).emplace_back(name);
  sort_unique(inside);
  sort_unique(selection.outside);
  if (!weights.single.empty()) {
    selection.loaded = {weights.single};
  } else if (!inside.empty() || !selection.outside.empty()) {
    selection.index_decides = true;
    selection.loaded = std::move(inside);
  } else {
    // No loader would take it; numbered shards are the model where there are any.
    std::ranges::copy_if(shards, std::back_inserter(selection.loaded), is_numbered);
    if (selection.loaded.empty()) selection.loaded.assign(shards.begin(), shards.end());
  }
  std::ranges::set_difference(shards, selection.loaded, std::back_inserter(selection.strays));
  return selection;
}

}  // namespace shardwright
