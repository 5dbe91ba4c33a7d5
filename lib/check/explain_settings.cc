#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "arch/query.h"
#include "check/join_explain.h"
#include "check/later_layers.h"
#include "check/name_numbers.h"
#include "check/other_config.h"

namespace shardwright {
namespace {

// Other values that the key may have: of a flag the other one, of a number that can be a layer's
// (the first with experts, each how many) any layer's. Where shapes alone differ a number is a
// size, of which explain_shapes speaks.
std::vector<json::Value> others_of(const json::Value& stated, std::int64_t layers,
                                   bool shapes_alone) {
  if (const bool* flag = stated.boolean()) return {json::Value{!*flag}};
  if (shapes_alone) return {};
  const std::int64_t* number = stated.integer();
  std::vector<json::Value> others;
  if (number == nullptr || *number < 0 || *number > layers) return others;
  for (std::int64_t i = 0; i <= layers; ++i) {
    if (i != *number) others.push_back(json::Value{i});
  }
  return others;
}

// How many layers the deepest stack has, of what is expected and of what is left over (a decoder
// may be deeper than the encoder that the rule counts); not more than may be tried.
std::int64_t deepest(const Expansion& expected, const Join& join) {
  constexpr std::int64_t kMostLayers = 64;
  auto layers =
      static_cast<std::int64_t>(std::min(expected.layers.value_or(0), std::uint64_t{kMostLayers}));
  for (const ExpectedTensor& wanted : expected.tensors)
    layers = std::max(layers, std::int64_t{wanted.layer} + 1);
  for (const Tensor* tensor : join.unexpected) {
    const std::vector<NameNumber> numbers = numbers_of(tensor->name);
    if (!numbers.empty()) layers = std::max(layers, std::int64_t{numbers.front().value} + 1);
  }
  return std::min(layers, kMostLayers);
}

}  // namespace

void explain_depth(const Checkpoint& checkpoint, const Expansion& expected,
                   std::optional<Expansion> deeper, Join& join) {
  const json::Value* config = checkpoint.config_value();
  if (config == nullptr || join.surplus_layers.empty() == join.absent_layers.empty() ||
      !join.missing.empty() || !join.unexpected.empty() || !join.lost.empty() ||
      expected.layers_pointer.empty()) {
    return;
  }
  std::string key = layers_key(expected);
  const bool is_deeper = !join.surplus_layers.empty();
  const std::int64_t depth = is_deeper ? std::int64_t{join.surplus_layers.rbegin()->first} + 1
                                       : join.absent_layers.begin()->first;
  const auto stated = static_cast<std::int64_t>(expected.layers.value_or(0));
  const std::optional<Expansion> other =
      is_deeper ? std::move(deeper) : expand_with(expected, *config, key, json::Value{depth});
  if (depth == 0 || !other || !fits(checkpoint, *other)) return;
  join.implied_depth =
      implied_value(*config, std::move(key), json::Value{stated}, json::Value{depth});
  for (const ShapeMismatch& mismatch : std::exchange(join.mismatched, {}))
    join.implied_also.push_back(mismatch.stored);
  std::ranges::move(resolved_by(*other, expected), std::back_inserter(join.resolved));
}

namespace {

// How many tensors the expansion and what is stored differ in.
std::size_t count_differences(const Checkpoint& checkpoint, const Expansion& expansion) {
  const LaterLayers later = later_layers(checkpoint, expansion);
  const auto differs = [&](const Tensor& tensor) {
    if (is_surplus(later, expansion, tensor.name)) return true;
    const ExpectedTensor* wanted = expansion.find(tensor.name);
    return wanted != nullptr ? !same_shape(wanted->shape, tensor.shape)
                             : !expansion.is_ignored(tensor.name);
  };
  const auto is_missing = [&](const ExpectedTensor& wanted) {
    return !wanted.optional && checkpoint.find(wanted.name) == nullptr;
  };
  return static_cast<std::size_t>(std::ranges::count_if(checkpoint.tensors, differs) +
                                  std::ranges::count_if(expansion.tensors, is_missing));
}

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

// One key that has another value, and what the rule asks for then.
struct OtherSetting {
  ImpliedValue value{};
  json::Value raw{};
  std::size_t left{};  // differences that remain
};

// Lists that say something of each layer, with what the stored layers say.
std::vector<OtherSetting> other_lists(const Checkpoint& checkpoint, const Expansion& expected) {
  const json::Value& config = *checkpoint.config_value();
  std::set<std::string> keys(expected.schema->per_layer_keys.begin(),
                             expected.schema->per_layer_keys.end());
  for (const std::string_view key : keys_read(*expected.schema))
    keys.insert(spelling_in(config, *expected.schema, key));
  std::vector<OtherSetting> found;
  for (const std::string& key : keys) {
    const json::Value* stated = config.find_path(key);
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

// Two flags that explain all together; none where two pairs do.
std::vector<ImpliedValue> pair_of(const Checkpoint& checkpoint, const Expansion& expected,
                                  const std::vector<OtherSetting>& helping) {
  constexpr std::size_t kMostHelping = 8;
  const json::Value& config = *checkpoint.config_value();
  std::vector<ImpliedValue> pair;
  if (helping.size() > kMostHelping) return pair;
  for (auto a = helping.begin(); a != helping.end(); ++a) {
    for (auto b = std::next(a); b != helping.end(); ++b) {
      auto both = with_value(config, a->value.key, a->raw);
      if (both) both = with_value(*both, b->value.key, b->raw);
      const auto other = both ? expand_config(expected, *both) : std::nullopt;
      if (!other || other->layers != expected.layers || !fits(checkpoint, *other)) continue;
      if (!pair.empty()) return {};
      pair = {a->value, b->value};
    }
  }
  return pair;
}

}  // namespace

void explain_settings(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const json::Value* config = checkpoint.config_value();
  if (config == nullptr || !join.lost.empty() || join.matched == 0 ||
      (join.missing.empty() && join.unexpected.empty() && join.mismatched.empty())) {
    return;
  }
  const ConfigQuery query(*expected.schema, *config, expected.class_name);
  const std::int64_t layers = deepest(expected, join);
  std::vector<ImpliedValue> found;
  std::vector<std::string> resolved;
  std::vector<OtherSetting> helping;  // flags that leave fewer differences
  const std::size_t now = count_differences(checkpoint, expected);
  const bool shapes_alone = join.missing.empty() && join.unexpected.empty();
  std::size_t tries = most_tries(expected);
  for (const std::string_view key : keys_read(*expected.schema)) {
    const auto stated = query.of_key(key);
    if (!stated) continue;
    const std::string spelling = spelling_in(*config, *expected.schema, key);
    for (const json::Value& value : others_of(*stated, layers, shapes_alone)) {
      if (tries-- == 0) return;
      const auto other = expand_with(expected, *config, spelling, value);
      // The number of layers is explain_depth's.
      if (!other || other->layers != expected.layers) continue;
      if (fits(checkpoint, *other)) {
        found.push_back(implied_value(*config, spelling, *stated, value));
        resolved = resolved_by(*other, expected);
      } else if (value.boolean() != nullptr) {
        const std::size_t left = count_differences(checkpoint, *other);
        if (left < now)
          helping.push_back({.value = implied_value(*config, spelling, *stated, value),
                             .raw = value,
                             .left = left});
      }
    }
  }
  if (found.empty()) {
    for (OtherSetting& list : other_lists(checkpoint, expected)) {
      if (list.left == 0) found.push_back(std::move(list.value));
    }
  }
  if (found.empty()) {
    found = pair_of(checkpoint, expected, helping);
  } else if (found.size() != 1) {
    return;
  }
  if (found.empty()) return;
  join.implied_setting = ImpliedSetting{.values = std::move(found),
                                        .missing = std::exchange(join.missing, {}),
                                        .unexpected = std::exchange(join.unexpected, {}),
                                        .mismatched = std::exchange(join.mismatched, {})};
  std::ranges::move(resolved, std::back_inserter(join.resolved));
}

}  // namespace shardwright
