#include "check/other_lists.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "arch/query.h"
#include "check/name_numbers.h"
#include "check/other_config.h"

namespace shardwright {
namespace {

// The layers of which the expansion asks for what is stored, and nothing else.
std::vector<bool> fitting_layers(const Checkpoint& checkpoint, const Expansion& expected,
                                 const Expansion& other, std::size_t layers) {
  std::vector<bool> fitting(layers, true);
  const auto unfit = [&](std::int64_t layer) {
    if (layer >= 0 && layer < static_cast<std::int64_t>(layers))
      fitting[static_cast<std::size_t>(layer)] = false;
  };
  for (const ExpectedTensor& wanted : other.tensors) {
    const Tensor* stored = checkpoint.find(wanted.name);
    const bool agrees =
        stored != nullptr ? same_shape(wanted.shape, stored->shape) : wanted.optional;
    if (!agrees) unfit(wanted.layer);
  }
  for (const Tensor& tensor : checkpoint.tensors) {
    if (other.find(tensor.name) != nullptr || other.is_ignored(tensor.name)) continue;
    const ExpectedTensor* known = expected.find(tensor.name);
    const std::vector<NameNumber> numbers = numbers_of(tensor.name);
    if (known != nullptr) {
      unfit(known->layer);
    } else if (!numbers.empty()) {
      unfit(numbers.front().value);
    }
  }
  return fitting;
}

using LayerList = json::Value::Array;

// The list that has for each layer the word of the stated list with which the layer is as stored:
// the stated one where that fits. None where no word does.
std::optional<LayerList> words_as_stored(const Checkpoint& checkpoint, const Expansion& expected,
                                         std::string_view key, const LayerList& stated) {
  constexpr std::size_t kMostWords = 8;
  const json::Value& config = *checkpoint.config_value();
  std::vector<std::pair<std::string, std::vector<bool>>> words;
  for (const json::Value& value : stated) {
    if (value.string() == nullptr) return std::nullopt;
    if (std::ranges::find(words, *value.string(), [](const auto& word) { return word.first; }) !=
        words.end())
      continue;
    if (words.size() == kMostWords) return std::nullopt;
    const auto other =
        expand_with(expected, config, key, json::Value{LayerList(stated.size(), value)},
                    MoreContradictions::kAny);
    if (!other) return std::nullopt;
    words.emplace_back(*value.string(),
                       fitting_layers(checkpoint, expected, *other, stated.size()));
  }
  LayerList list = stated;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto fits_here = [&](const auto& word) { return word.second[i]; };
    const auto own =
        std::ranges::find(words, *stated[i].string(), [](const auto& word) { return word.first; });
    if (fits_here(*own)) continue;
    const auto word = std::ranges::find_if(words, fits_here);
    if (word == words.end()) return std::nullopt;
    list[i] = json::Value{word->first};
  }
  return list;
}

// The list of layers that are as stored only when the list names them.
std::optional<LayerList> layers_as_stored(const Checkpoint& checkpoint, const Expansion& expected,
                                          std::string_view key) {
  constexpr std::uint64_t kMostLayers = 1024;
  const json::Value& config = *checkpoint.config_value();
  const std::uint64_t layers = expected.layers.value_or(0);
  if (layers == 0 || layers > kMostLayers) return std::nullopt;
  LayerList all;
  for (std::uint64_t i = 0; i < layers; ++i)
    all.push_back(json::Value{static_cast<std::int64_t>(i)});
  const auto named = expand_with(expected, config, key, json::Value{all});
  const auto unnamed = expand_with(expected, config, key, json::Value{LayerList{}});
  if (!named || !unnamed) return std::nullopt;
  const auto as_named = fitting_layers(checkpoint, expected, *named, all.size());
  const auto as_unnamed = fitting_layers(checkpoint, expected, *unnamed, all.size());
  LayerList list;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (as_named[i] && !as_unnamed[i]) list.push_back(all[i]);
  }
  return list;
}

}  // namespace

std::vector<OtherSetting> other_lists(const Checkpoint& checkpoint, const Expansion& expected) {
  const json::Value& config = *checkpoint.config_value();
  const ConfigQuery query(*expected.schema, config, expected.class_name);
  std::set<std::string> keys(expected.schema->per_layer_keys.begin(),
                             expected.schema->per_layer_keys.end());
  for (const std::string_view key : keys_read(*expected.schema))
    keys.insert(spelling_in(config, *expected.schema, key));
  std::vector<OtherSetting> found;
  for (const std::string& key : keys) {
    const json::Value* stated = config.find_path(key);
    std::optional<json::Value> by_default;
    if (stated == nullptr || stated->is_null()) {
      by_default = query.of_key(key);
      stated = by_default ? &*by_default : nullptr;
    }
    if (stated == nullptr || stated->array() == nullptr) continue;
    const LayerList& list = *stated->array();
    const auto is_number = [](const json::Value& value) { return value.integer() != nullptr; };
    auto other = std::ranges::all_of(list, is_number)
                     ? layers_as_stored(checkpoint, expected, key)
                     : words_as_stored(checkpoint, expected, key, list);
    if (!other || json::dump(json::Value{*other}) == json::dump(*stated)) continue;
    json::Value raw{std::move(*other)};
    const auto expansion = expand_with(expected, config, key, raw);
    if (!expansion) continue;
    found.push_back({.value = implied_value(config, key, *stated, raw),
                     .raw = raw,
                     .left = count_differences(checkpoint, *expansion)});
  }
  return found;
}

}  // namespace shardwright
