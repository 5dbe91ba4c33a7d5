#include "check/shard_defects.h"

#include <algorithm>

#include "check/join.h"

namespace shardwright {

std::vector<const safetensors::Defect*> defects_of(
    const Shard& shard, std::initializer_list<safetensors::DefectKind> kinds) {
  std::vector<const safetensors::Defect*> found;
  if (shard.use != ShardUse::kLoaded || !shard.header) return found;
  if (std::ranges::none_of(kinds, [&](auto kind) { return shard.header->count(kind) > 0; })) {
    return found;
  }
  // What stands before the place where a header breaks off is not worth a finding of its own.
  const bool sound = is_sound(shard);
  for (const safetensors::Defect& defect : shard.header->defects) {
    if (std::ranges::find(kinds, defect.kind) == kinds.end()) continue;
    if (sound || hides_tensors(defect.kind)) found.push_back(&defect);
  }
  return found;
}

std::vector<std::string_view> tensors_of(const std::vector<const safetensors::Defect*>& defects) {
  std::vector<std::string_view> names;
  names.reserve(defects.size());
  for (const safetensors::Defect* defect : defects)
    names.push_back(defect->tensor);
  return names;
}

Entries::Entries(const safetensors::Header& header) {
  by_name_.reserve(header.tensors.size());
  for (const safetensors::TensorEntry& entry : header.tensors)
    by_name_.emplace(entry.name, &entry);
}

const safetensors::TensorEntry* Entries::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

}  // namespace shardwright
