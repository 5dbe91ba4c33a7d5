#include "repair/stored.h"

#include <algorithm>

namespace shardwright {

Stored::Stored(const Model& model) : model_(model), by_name_(model.checkpoint.shards.size()) {
  const Checkpoint& checkpoint = model.checkpoint;
  for (std::uint32_t i = 0; i < checkpoint.shards.size(); ++i) {
    const Shard& shard = checkpoint.shards[i];
    if (shard.use == ShardUse::kLoaded) shards_.emplace(shard.file, i);
  }
  for (const Tensor& tensor : checkpoint.tensors) {
    by_name_[tensor.shard][tensor.name] = &tensor;
    if (const auto bytes = digest(tensor)) {
      by_digest_[{bytes->high, bytes->low}].push_back(&tensor);
    }
  }
}

const Tensor* Stored::at(std::string_view file, std::string_view name) const {
  const auto shard = shards_.find(file);
  if (shard == shards_.end()) return nullptr;
  const auto& names = by_name_[shard->second];
  const auto found = names.find(name);
  return found == names.end() ? nullptr : found->second;
}

std::optional<Digest> Stored::digest(const Tensor& tensor) const {
  const auto position = static_cast<std::size_t>(&tensor - model_.checkpoint.tensors.data());
  if (position >= model_.data.digests.size()) return std::nullopt;
  return model_.data.digests[position];
}

std::optional<KnownTensor> Stored::known(const Tensor& tensor) const {
  const auto found = digest(tensor);
  if (!found) return std::nullopt;
  const auto position = static_cast<std::size_t>(&tensor - model_.checkpoint.tensors.data());
  return KnownTensor{model_.data.scans[position], *found, model_.data.rows[position],
                     model_.data.zero_runs[position]};
}

bool Stored::repeats(const Tensor& tensor, const Tensor& other) const {
  if (tensor.dtype == other.dtype) {
    const auto bytes = digest(tensor);
    return bytes && tensor.bytes == other.bytes && bytes == digest(other);
  }
  const Checkpoint& checkpoint = model_.checkpoint;
  return std::ranges::any_of(model_.data.ties, [&](const TieFacts& tie) {
    return tie.bytes == TieBytes::kEqual && checkpoint.find(tie.target) == &tensor &&
           checkpoint.find(tie.source) == &other;
  });
}

const Tensor* Stored::twin(const Tensor& tensor, const std::set<const Tensor*>& dropped) const {
  const auto is_twin = [&](const Tensor* other) {
    return other != nullptr && other != &tensor && !dropped.contains(other) &&
           repeats(tensor, *other);
  };
  if (const auto bytes = digest(tensor)) {
    for (const Tensor* other : by_digest_.at({bytes->high, bytes->low})) {
      if (is_twin(other)) return other;
    }
  }
  for (const TieFacts& tie : model_.data.ties) {
    const Tensor* source = model_.checkpoint.find(tie.source);
    if (is_twin(source)) return source;
  }
  return nullptr;
}

std::string_view every_part_of(const Tensor& tensor, const Tensor& other) {
  return tensor.dtype == other.dtype ? "every byte of it is" : "every number of it is";
}

}  // namespace shardwright
