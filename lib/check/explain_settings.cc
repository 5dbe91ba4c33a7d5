#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "arch/query.h"
#include "check/join_explain.h"
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
      if (!other || other->layers != expected.layers || !fits(checkpoint, *other)) continue;
      found.push_back(implied_value(*config, spelling, *stated, value));
      resolved = resolved_by(*other, expected);
    }
  }
  if (found.size() != 1) return;
  join.implied_setting = ImpliedSetting{.value = std::move(found.front()),
                                        .missing = std::exchange(join.missing, {}),
                                        .unexpected = std::exchange(join.unexpected, {}),
                                        .mismatched = std::exchange(join.mismatched, {})};
  std::ranges::move(resolved, std::back_inserter(join.resolved));
}

}  // namespace shardwright
