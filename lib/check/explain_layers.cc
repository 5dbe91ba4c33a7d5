#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "check/join_explain.h"
#include "check/later_layers.h"
#include "check/name_numbers.h"
#include "check/other_config.h"

namespace shardwright {
namespace {

// The list as long as that: more of its last word, or of the commonest one.
json::Value padded(const json::Value::Array& list, std::int64_t length) {
  json::Value::Array longer = list;
  const json::Value more = list.empty() ? json::Value{std::string("full_attention")} : list.back();
  if (static_cast<std::int64_t>(list.size()) < length)
    longer.resize(static_cast<std::size_t>(length), more);
  return json::Value{std::move(longer)};
}

// What so many layers would hold, whatever lists of the config are too short for them.
std::optional<Expansion> with_layers(const Expansion& expected, const json::Value& config,
                                     std::int64_t layers) {
  constexpr std::int64_t kMostLayers = 1024;
  auto changed = with_value(config, layers_key(expected), json::Value{layers});
  if (!changed) return std::nullopt;
  auto other = expand_config(expected, *changed, MoreContradictions::kAny);
  if (other || layers > kMostLayers) return other;
  for (const std::string& key : expected.schema->per_layer_keys) {
    const json::Value* list = config.find_path(key);
    if (list == nullptr || list->array() == nullptr) continue;
    if (auto longer = with_value(*changed, key, padded(*list->array(), layers)))
      changed = std::move(longer);
  }
  return expand_config(expected, *changed, MoreContradictions::kAny);
}

void find_absent(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  std::unordered_set<std::int32_t> partly;  // layers of which something required is stored
  std::unordered_map<std::int32_t, std::size_t> required;
  for (const ExpectedTensor& wanted : expected.tensors) {
    if (wanted.layer < 0 || wanted.optional) continue;
    ++required[wanted.layer];
    if (checkpoint.find(wanted.name) != nullptr) partly.insert(wanted.layer);
  }
  ByLayer<ExpectedTensor> absent;
  for (const ExpectedTensor* wanted : join.missing) {
    if (wanted->layer >= 0 && !partly.contains(wanted->layer))
      absent[wanted->layer].push_back(wanted);
  }
  // A layer that an unreadable shard took part of is no absent layer.
  std::erase_if(absent,
                [&](const auto& layer) { return layer.second.size() != required[layer.first]; });
  if (absent.size() < required.size() || join.matched > 0) {
    std::unordered_set<const ExpectedTensor*> explained;
    for (const auto& [layer, tensors] : absent)
      explained.insert(tensors.begin(), tensors.end());
    erase_explained(join.missing, explained);
    join.absent_layers = std::move(absent);
  }
}

// A layer of a kind of its own has names that no other layer has.
void add_own_names(Join& join, std::unordered_set<const Tensor*>& surplus) {
  for (const Tensor* tensor : join.unexpected) {
    const std::vector<NameNumber> numbers = numbers_of(tensor->name);
    if (numbers.empty() || surplus.contains(tensor)) continue;
    const auto layer = join.surplus_layers.find(numbers.front().value);
    if (layer == join.surplus_layers.end()) continue;
    const std::string_view other = layer->second.front()->name;
    const std::size_t begin = numbers.front().begin;
    if (numbers_of(other).front().begin != begin ||
        !tensor->name.starts_with(other.substr(0, begin)))
      continue;
    layer->second.push_back(tensor);
    surplus.insert(tensor);
  }
}

void find_surplus(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  if (!expected.layers) return;
  const auto layers = static_cast<std::int64_t>(*expected.layers);
  // The layer is the first number of a name; those behind it count experts and parts.
  std::vector<std::pair<const Tensor*, NameNumber>> beyond;
  std::int64_t deepest = 0;
  const LaterLayers later = later_layers(checkpoint, expected);
  for (const Tensor* tensor : join.unexpected) {
    const std::vector<NameNumber> numbers = numbers_of(tensor->name);
    if (numbers.empty() || numbers.front().value < layers) continue;
    beyond.emplace_back(tensor, numbers.front());
    if (!predicts(later, numbers.front().value))
      deepest = std::max(deepest, std::int64_t{numbers.front().value});
  }
  if (beyond.empty()) return;
  // The same name in some layer of the config is expected, or would be if there were as many, and
  // whatever lists of the config would be too short then: this is a layer too many.
  std::optional<Expansion> deeper;
  if (checkpoint.config_value() != nullptr && !expected.layers_pointer.empty()) {
    deeper = with_layers(expected, *checkpoint.config_value(), deepest + 1);
  }
  std::unordered_set<const Tensor*> surplus;
  for (const auto& [tensor, number] : beyond) {
    const auto known_in = [&](std::int64_t layer) {
      return expected.find(with_number(tensor->name, number, layer)) != nullptr;
    };
    // Behind the surplus layers one that predicts is where it belongs.
    const bool follows = deeper && deepest > 0 && number.value > deepest &&
                         predicts(later, number.value) && deeper->find(tensor->name) != nullptr;
    if (follows) {
      join.implied_also.push_back(tensor);
      surplus.insert(tensor);
      continue;
    }
    bool known =
        expected.find(tensor->name) != nullptr || (deeper && deeper->find(tensor->name) != nullptr);
    for (std::int64_t i = 0; i < std::min<std::int64_t>(layers, 8) && !known; ++i)
      known = known_in(i) || known_in(layers - 1 - i);
    if (!known) continue;
    join.surplus_layers[number.value].push_back(tensor);
    surplus.insert(tensor);
  }
  add_own_names(join, surplus);
  erase_explained(join.unexpected, surplus);
}

}  // namespace

void explain_layers(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  find_absent(checkpoint, expected, join);
  find_surplus(checkpoint, expected, join);
}

}  // namespace shardwright
