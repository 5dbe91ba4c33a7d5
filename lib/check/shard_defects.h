// The defects of the headers of loaded shards, as the checks of files go through them. What is
// wrong with a shard that nobody loads is IX213's to say.
#pragma once

#include <initializer_list>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace shardwright {

// The defects of these kinds of one shard, in the order of its header; none where it is not loaded,
// and only those that hide its tensors where there are such.
std::vector<const safetensors::Defect*> defects_of(
    const Shard& shard, std::initializer_list<safetensors::DefectKind> kinds);

// The names of the tensors that the defects are about.
std::vector<std::string_view> tensors_of(const std::vector<const safetensors::Defect*>& defects);

// Entries of a header by name.
class Entries {
 public:
  explicit Entries(const safetensors::Header& header);
  [[nodiscard]] const safetensors::TensorEntry* find(std::string_view name) const;

 private:
  std::unordered_map<std::string_view, const safetensors::TensorEntry*> by_name_;
};

}  // namespace shardwright
