#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/query.h"
#include "check/config_types.h"
#include "check/join_explain.h"
#include "check/name_numbers.h"
#include "check/other_config.h"
#include "check/other_lists.h"

namespace shardwright {
namespace {

// What stored tensors say against the config, and numbers that may stand in it instead.
struct Evidence {
  bool shapes_alone{};  // then a number is a size, of which explain_shapes speaks
  std::int64_t layers{};
  std::set<std::int64_t> extents{};       // of tensors that the config does not ask for
  std::set<std::int64_t> other_shapes{};  // and of those whose shape it does not
};

using Values = std::vector<json::Value>;

// What a key may be instead: of a flag the other one, of a number that can be a layer's (the first
// with experts, each how many) any layer's. Where none of those will do: of null and of 0 what
// stored tensors have for an extent, of other numbers what tensors of another shape have. And then
// null.
std::vector<Values> others_of(const json::Value& stated, bool takes_null,
                              const Evidence& evidence) {
  if (const bool* flag = stated.boolean()) return {{json::Value{!*flag}}};
  const std::int64_t* number = stated.integer();
  if (evidence.shapes_alone || (number == nullptr && !stated.is_null())) return {};
  const std::int64_t value = number != nullptr ? *number : 0;
  const bool can_be_layer = value >= 0 && value <= evidence.layers;
  std::vector<Values> others;
  if (can_be_layer) {
    Values& of_layers = others.emplace_back();
    for (std::int64_t i = 0; i <= evidence.layers; ++i) {
      if (i != value) of_layers.push_back(json::Value{i});
    }
  }
  Values& extents = others.emplace_back();
  for (const std::int64_t extent : value == 0 ? evidence.extents : evidence.other_shapes) {
    if (extent != value && (!can_be_layer || extent > evidence.layers))
      extents.push_back(json::Value{extent});
  }
  if (number != nullptr && takes_null) others.push_back({json::Value{}});
  return others;
}

void add_extents(const Tensor& tensor, std::set<std::int64_t>& extents) {
  constexpr std::size_t kMostExtents = 16;
  for (const std::uint64_t extent : tensor.shape) {
    if (extent <= std::numeric_limits<std::int32_t>::max() && extents.size() < kMostExtents)
      extents.insert(static_cast<std::int64_t>(extent));
  }
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

Evidence evidence_of(const Expansion& expected, const Join& join) {
  Evidence evidence{.shapes_alone = join.missing.empty() && join.unexpected.empty(),
                    .layers = deepest(expected, join)};
  for (const ShapeMismatch& mismatch : join.mismatched)
    add_extents(*mismatch.stored, evidence.other_shapes);
  evidence.extents = evidence.other_shapes;
  for (const Tensor* tensor : join.unexpected)
    add_extents(*tensor, evidence.extents);
  return evidence;
}

// A key of the config, and what it may be instead.
struct OtherValues {
  std::string key{};  // as the config spells it
  json::Value stated{};
  std::vector<Values> values{};  // those that are tried together
};

std::size_t count_of(const OtherValues& key) {
  std::size_t count = 0;
  for (const Values& together : key.values)
    count += together.size();
  return count;
}

// The keys of which the fewest values are to be tried first.
std::vector<OtherValues> values_to_try(const Checkpoint& checkpoint, const Expansion& expected,
                                       const Join& join) {
  const json::Value& config = *checkpoint.config_value();
  const ConfigQuery query(*expected.schema, config, expected.class_name);
  const Evidence evidence = evidence_of(expected, join);
  const auto& types = expected.schema->model_types;
  const std::string model_type = types.empty() ? "" : types.front();
  std::vector<OtherValues> found;
  for (const std::string_view key : keys_read(*expected.schema)) {
    const auto stated = query.of_key(key);
    if (!stated) continue;
    std::string spelling = spelling_in(config, *expected.schema, key);
    // The number of layers is explain_depth's.
    if (spelling == layers_key(expected)) continue;
    const bool takes_null = !wanted_type(model_type, spelling, json::Value{});
    auto values = others_of(*stated, takes_null, evidence);
    if (!values.empty()) found.push_back({std::move(spelling), *stated, std::move(values)});
  }
  std::ranges::stable_sort(found, {}, count_of);
  return found;
}

// What is stored, and has to be.
std::size_t count_required(const Checkpoint& checkpoint, const Expansion& expansion) {
  return static_cast<std::size_t>(
      std::ranges::count_if(expansion.tensors, [&](const ExpectedTensor& wanted) {
        return !wanted.optional && checkpoint.find(wanted.name) != nullptr;
      }));
}

// The values of a key that explain all: those that ask for most of what is stored.
struct FittingValues {
  std::vector<ImpliedValue> values{};
  std::size_t required{};
  std::vector<std::string> resolved{};

  void add(ImpliedValue value, std::size_t asked, std::vector<std::string> now_resolved) {
    if (asked < required) return;
    if (asked > required) values.clear();
    required = asked;
    values.push_back(std::move(value));
    resolved = std::move(now_resolved);
  }
};

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
  std::vector<ImpliedValue> found;
  std::vector<std::string> resolved;
  std::vector<OtherSetting> helping;  // flags that leave fewer differences
  const std::size_t now = count_differences(checkpoint, expected);
  std::size_t tries = most_tries(expected);
  for (const auto& [key, stated, values] : values_to_try(checkpoint, expected, join)) {
    FittingValues fitting;
    for (const Values& together : values) {
      if (!fitting.values.empty()) break;
      for (const json::Value& value : together) {
        if (tries-- == 0) return;
        const auto other = expand_with(expected, *config, key, value);
        if (!other || other->layers != expected.layers) continue;
        ImpliedValue implied = implied_value(*config, key, stated, value);
        if (fits(checkpoint, *other)) {
          fitting.add(std::move(implied), count_required(checkpoint, *other),
                      resolved_by(*other, expected));
        } else if (value.boolean() != nullptr) {
          const std::size_t left = count_differences(checkpoint, *other);
          if (left < now)
            helping.push_back({.value = std::move(implied), .raw = value, .left = left});
        }
      }
    }
    if (fitting.values.empty()) continue;
    std::ranges::move(fitting.values, std::back_inserter(found));
    resolved = std::move(fitting.resolved);
  }
  if (found.empty()) {
    // A list that the class computes follows from others: those of the config come first.
    const auto lists = other_lists(checkpoint, expected);
    const auto add_lists = [&](bool stated_ones) {
      for (const OtherSetting& list : lists) {
        const json::Value* stated = config->find_path(list.value.key);
        if (list.left == 0 && (stated != nullptr && !stated->is_null()) == stated_ones)
          found.push_back(list.value);
      }
    };
    add_lists(true);
    if (found.empty()) add_lists(false);
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
