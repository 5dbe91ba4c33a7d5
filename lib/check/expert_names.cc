#include "check/expert_names.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "base/text.h"
#include "check/check.h"
#include "check/name_numbers.h"
#include "check/purpose.h"
#include "check/shard_names.h"

namespace shardwright {
namespace {

constexpr std::string_view kExperts = "experts.";

// Whether every tensor of the model is in a shard that could be read.
bool all_is_listed(const Model& model) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (!model.index_join.absent.empty() || !model.index_join.phantoms.empty() ||
      !checkpoint.outside.empty() || is_visibly_incomplete(checkpoint) ||
      is_collection(checkpoint)) {
    return false;
  }
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use != ShardUse::kLoaded) continue;
    if (!shard.present || !is_sound(shard)) return false;
    // One file of several, given by itself.
    const auto number = shard_number(shard.file);
    if (checkpoint.kind == CheckpointKind::kFile && number && number->count > 1) return false;
  }
  return true;
}

}  // namespace

std::vector<NamedLayers> named_experts(const Model& model) {
  std::vector<NamedLayers> families;
  if (model.join.compared || model.join.experts || !model.join.expert_numbers.empty() ||
      is_adapter(model.checkpoint) || !all_is_listed(model))
    return families;
  struct Place {
    std::size_t family{}, layer{};
  };
  std::unordered_map<std::string_view, Place> layers;
  std::unordered_map<std::string, std::size_t> family_of;
  for (const Tensor& tensor : model.checkpoint.tensors) {
    for (const NameNumber& number : numbers_of(tensor.name)) {
      const std::string_view under = tensor.name.substr(0, number.begin);
      const bool is_segment =
          under.ends_with(kExperts) &&
          (under.size() == kExperts.size() || under[under.size() - kExperts.size() - 1] == '.');
      if (!is_segment || number.end + 1 >= tensor.name.size()) continue;
      const auto [place, is_new] = layers.try_emplace(under);
      if (is_new) {
        const auto [family, is_first] = family_of.try_emplace(fold_digits(under), families.size());
        if (is_first) families.emplace_back();
        place->second = {family->second, families[family->second].size()};
        families[family->second].push_back({.under = under});
      }
      NamedExperts& layer = families[place->second.family][place->second.layer];
      layer.experts[number.value][tensor.name.substr(number.end + 1)] = &tensor;
      break;
    }
  }
  return families;
}

}  // namespace shardwright
