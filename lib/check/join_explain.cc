#include "check/join_explain.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "arch/layout.h"
#include "check/later_layers.h"
#include "check/name_numbers.h"
#include "check/other_config.h"
#include "check/quant_name.h"

namespace shardwright {
namespace {

// Segments that wrappers of a module put into parameter names, at any depth: of torch, of NeMo, and
// of PEFT.
constexpr std::array<std::string_view, 7> kWrappers = {
    "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_orig_mod.", "module.",
    "_fp32_params.",         "base_model.model.",           "base_layer."};

// Whether `segment` stands at `at` as a whole: "submodule." holds no "module.".
bool segment_at(std::string_view name, std::size_t at) {
  return at == 0 || name[at - 1] == '.';
}

std::string strip(std::string_view name, std::string_view segment, bool& found) {
  std::string bare(name);
  for (std::size_t at = bare.find(segment); at != std::string::npos; at = bare.find(segment, at)) {
    if (!segment_at(bare, at)) {
      ++at;
      continue;
    }
    bare.erase(at, segment.size());
    found = true;
  }
  return bare;
}

}  // namespace

std::string without_wrappers(std::string_view name, std::span<const std::string> wrappers) {
  std::string bare(name);
  bool found = false;
  for (const std::string& wrapper : wrappers)
    bare = strip(bare, wrapper, found);
  return bare;
}

std::vector<std::string> wrappers_in(const Checkpoint& checkpoint) {
  std::array<bool, kWrappers.size()> used{};
  for (const Tensor& tensor : checkpoint.tensors) {
    std::string bare(tensor.name);
    for (std::size_t w = 0; w < kWrappers.size(); ++w) {
      bool found = false;
      bare = strip(bare, kWrappers.at(w), found);
      used.at(w) = used.at(w) || found;
    }
  }
  std::vector<std::string> wrappers;
  for (std::size_t w = 0; w < kWrappers.size(); ++w) {
    if (used.at(w)) wrappers.emplace_back(kWrappers.at(w));
  }
  return wrappers;
}

std::string bare_name(std::string_view name, std::string_view outer_prefix,
                      std::span<const std::string> wrappers) {
  if (outer_prefix.empty()) return without_wrappers(name, wrappers);
  return std::string(name.starts_with(outer_prefix) ? name.substr(outer_prefix.size()) : name);
}

namespace {

// Takes wrappers out of all names, where each is then known.
template <typename IsKnown>
void unwrap(const Checkpoint& checkpoint, const Expansion& expected, Join& join,
            const IsKnown& is_known) {
  std::vector<std::string> wrappers = wrappers_in(checkpoint);
  if (wrappers.empty()) return;
  std::unordered_set<std::string> seen;
  bool shapes_agree = true;
  for (const Tensor& tensor : checkpoint.tensors) {
    std::string bare = without_wrappers(tensor.name, wrappers);
    const ExpectedTensor* wanted = expected.find(bare);
    if (!is_known(bare)) return;
    if (wanted != nullptr && !same_shape(wanted->shape, tensor.shape)) shapes_agree = false;
    if (!seen.insert(std::move(bare)).second) return;
  }
  join.wrappers = std::move(wrappers);
  join.unexpected.clear();
  std::erase_if(join.missing, [&](const ExpectedTensor* wanted) {
    return seen.contains(std::string(wanted->name));
  });
  join.wrappers_exact = shapes_agree && join.missing.empty() && join.lost.empty();
}

}  // namespace

void explain_wrappers(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  unwrap(checkpoint, expected, join, [&](std::string_view bare) {
    return expected.find(bare) != nullptr || expected.is_ignored(bare);
  });
}

void explain_wrapped_parts(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const auto is_known = [&](std::string_view bare) {
    const auto part = quant_part(bare);
    return expected.find(bare) != nullptr || expected.is_ignored(bare) || is_cache_scale(bare) ||
           (part && expected.find(weight_of_part(*part)) != nullptr);
  };
  unwrap(checkpoint, expected, join, is_known);
  if (join.wrappers.empty()) return;
  std::unordered_set<std::string> modules;
  for (const Tensor& tensor : checkpoint.tensors) {
    const std::string bare = without_wrappers(tensor.name, join.wrappers);
    const auto part = quant_part(bare);
    modules.emplace(part ? part->module : module_name(bare));
  }
  std::erase_if(join.missing, [&](const ExpectedTensor* wanted) {
    return modules.contains(std::string(module_name(wanted->name)));
  });
  // Parts have shapes of their own.
  join.wrappers_exact = join.missing.empty() && join.lost.empty();
}

void explain_outer_prefix(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  if (join.matched != 0 || !join.mismatched.empty() || !join.odd_prefix.empty()) return;
  const std::string_view first = checkpoint.tensors.front().name;
  constexpr int kMostSegments = 4;
  std::size_t length = 0;
  for (int i = 0; i < kMostSegments; ++i) {
    const std::size_t dot = first.find('.', length);
    if (dot == std::string_view::npos) return;
    length = dot + 1;
    const std::string_view prefix = first.substr(0, length);
    std::unordered_set<const ExpectedTensor*> found;
    const bool explains = std::ranges::all_of(checkpoint.tensors, [&](const Tensor& tensor) {
      if (!tensor.name.starts_with(prefix)) return false;
      const std::string_view bare = tensor.name.substr(length);
      const ExpectedTensor* wanted = expected.find(bare);
      if (wanted == nullptr) return expected.is_ignored(bare);
      return same_shape(wanted->shape, tensor.shape) && found.insert(wanted).second;
    });
    if (!explains || found.empty()) continue;
    join.outer_prefix = prefix;
    join.unexpected.clear();
    erase_explained(join.missing, found);
    join.wrappers_exact = join.missing.empty() && join.lost.empty();
    return;
  }
}

// Of a tied pair the loader takes whichever is stored: writers that keep the first of two names
// keep the head.
void explain_ties(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  if (!expected.tie.tied) return;
  for (const ExpectedTie& tie : expected.ties) {
    const auto wanted = std::ranges::find(join.missing, tie.source, &ExpectedTensor::name);
    const Tensor* stored = checkpoint.find(tie.target);
    if (wanted == join.missing.end() || stored == nullptr ||
        !same_shape((*wanted)->shape, stored->shape)) {
      continue;
    }
    join.stand_ins.push_back({stored, *wanted});
    join.missing.erase(wanted);
  }
}

void explain_prefixes(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const std::string_view prefix = expected.base_prefix;
  if (prefix.empty() || join.unexpected.empty()) return;
  std::unordered_set<const Tensor*> stored;
  std::unordered_set<const ExpectedTensor*> found;
  for (const Tensor* tensor : join.unexpected) {
    std::string name(tensor->name);
    if (name.starts_with(prefix)) {
      name.erase(0, prefix.size());
    } else {
      name.insert(0, prefix);
    }
    const ExpectedTensor* wanted = expected.find(name);
    if (wanted == nullptr || !same_shape(wanted->shape, tensor->shape)) continue;
    if (checkpoint.find(wanted->name) != nullptr) continue;
    join.odd_prefix.push_back({tensor, wanted});
    stored.insert(tensor);
    found.insert(wanted);
  }
  erase_explained(join.unexpected, stored);
  erase_explained(join.missing, found);
}

void explain_layouts(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const json::Value* config = checkpoint.config_value();
  if (join.unexpected.empty() || join.missing.empty() || config == nullptr) return;
  std::vector<std::string> others = {"hub"};
  for (const SchemaLayout& layout : expected.schema->layouts) {
    if (!layout.internal) others.push_back(layout.name);
  }
  for (const std::string& other : others) {
    if (other == expected.layout) continue;
    const auto map =
        map_layouts(*expected.schema, *config, expected.class_name, expected.layout, other);
    if (!map) continue;
    std::unordered_map<std::string_view, const MappedTensor*> targets;
    for (const MappedTensor& target : map->tensors)
      targets.emplace(target.name, &target);
    std::unordered_set<const Tensor*> stored;
    std::unordered_set<const ExpectedTensor*> found;
    for (const Tensor* tensor : join.unexpected) {
      const auto target = targets.find(tensor->name);
      if (target == targets.end() || !same_shape(target->second->shape, tensor->shape)) continue;
      // What is stored in this layout already is there twice, and loaders stop at it.
      const auto is_stored = [&](const LayoutPart& part) {
        return checkpoint.find(part.source) != nullptr;
      };
      if (std::ranges::any_of(target->second->parts, is_stored)) continue;
      stored.insert(tensor);
      for (const LayoutPart& part : target->second->parts) {
        if (const ExpectedTensor* wanted = expected.find(part.source)) found.insert(wanted);
      }
    }
    if (stored.empty()) continue;
    for (const Tensor* tensor : join.unexpected) {
      if (stored.contains(tensor)) join.other_layout.push_back(tensor);
    }
    join.other_layout_name = other;
    erase_explained(join.unexpected, stored);
    erase_explained(join.missing, found);
    return;
  }
}

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
  other = expand_config(expected, *changed, MoreContradictions::kAny);
  return other;
}

}  // namespace

void explain_layers(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
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
  // A layer of a kind of its own has names that no other layer has.
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
  erase_explained(join.unexpected, surplus);
}

}  // namespace shardwright
