#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "arch/query.h"
#include "base/text.h"
#include "check/causes.h"
#include "check/join_explain.h"

namespace shardwright {
namespace {

// Rows of the vocabulary and of routers have checks of their own.
bool is_explained_elsewhere(const ShapeMismatch& mismatch) {
  const ShapeView stored = mismatch.stored->shape;
  const ShapeView wanted = mismatch.expected->shape;
  switch (mismatch.expected->role) {
    case Role::kEmbedding:
    case Role::kHead:
      return stored.size() == 2 && wanted.size() == 2 && stored[1] == wanted[1];
    case Role::kRouter:
    case Role::kRouterBias:
    case Role::kSharedGate:
      return true;
    default:
      return is_placeholder_shape(stored, wanted);
  }
}

using ExtentPair = std::pair<std::uint64_t, std::uint64_t>;  // stored, expected

std::set<ExtentPair> differing_extents(const Join& join) {
  std::set<ExtentPair> extents;
  for (const ShapeMismatch& mismatch : join.mismatched) {
    if (is_explained_elsewhere(mismatch)) continue;
    const ShapeView stored = mismatch.stored->shape;
    const ShapeView wanted = mismatch.expected->shape;
    if (stored.size() != wanted.size()) return {};
    for (std::size_t i = 0; i < stored.size(); ++i) {
      if (stored[i] != wanted[i]) extents.emplace(stored[i], wanted[i]);
    }
  }
  return extents;
}

// The value of a key that grows with an extent, if the extent were the stored one.
std::optional<std::int64_t> scaled_value(std::int64_t value, const ExtentPair& extents) {
  constexpr std::int64_t kMost = 1LL << 31U;
  const auto [stored, wanted] = extents;
  if (value <= 0 || value > kMost || stored == 0 || wanted == 0 ||
      stored > static_cast<std::uint64_t>(kMost)) {
    return std::nullopt;
  }
  const std::uint64_t product = static_cast<std::uint64_t>(value) * stored;
  if (product % wanted != 0) return std::nullopt;
  const std::uint64_t result = product / wanted;
  if (result == 0 || result > static_cast<std::uint64_t>(kMost)) return std::nullopt;
  return static_cast<std::int64_t>(result);
}

bool set_path(json::Value& root, std::string_view dotted, std::int64_t number) {
  json::Value* at = &root;
  for (const std::string_view key : split(dotted, '.')) {
    auto* members = std::get_if<json::Value::Object>(&at->data);
    if (members == nullptr) return false;
    auto member = std::ranges::find(members->rbegin(), members->rend(), key, &json::Member::key);
    if (member == members->rend()) {
      members->push_back({std::string(key), json::Value{json::Value::Object{}}});
      member = members->rbegin();
    }
    at = &member->value;
  }
  at->data = number;
  return true;
}

// Whether a config like that gives all stored tensors the shapes that they have.
bool implies_all(const json::Value& config, const Checkpoint& checkpoint, const Expansion& expected,
                 const Join& join) {
  const auto other = expand(*expected.schema, config,
                            {.class_name = expected.class_name, .layout = expected.layout});
  if (!other || !other->usable || other->problems.size() > expected.problems.size() ||
      other->tensors.size() != expected.tensors.size()) {
    return false;
  }
  const auto agrees = [&](const Tensor& tensor) {
    const ExpectedTensor* wanted = other->find(tensor.name);
    return wanted != nullptr && same_shape(wanted->shape, tensor.shape);
  };
  for (const ShapeMismatch& mismatch : join.mismatched) {
    if (!is_explained_elsewhere(mismatch) && !agrees(*mismatch.stored)) return false;
  }
  for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const ExpectedTensor* wanted = join.expected_of[i];
    const Tensor& tensor = checkpoint.tensors[i];
    if (wanted != nullptr && same_shape(wanted->shape, tensor.shape) && !agrees(tensor))
      return false;
  }
  return true;
}

}  // namespace

void explain_shapes(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  constexpr std::size_t kMostExtents = 8;
  // A try expands the rule: of a model with very many tensors few.
  constexpr std::size_t kMostWork = 10'000'000;
  constexpr std::size_t kMostTries = 200;
  const json::Value* config = checkpoint.config_value();
  const std::set<ExtentPair> extents = differing_extents(join);
  if (config == nullptr || extents.empty() || extents.size() > kMostExtents) return;
  const ConfigQuery query(*expected.schema, *config, expected.class_name);
  std::set<std::string_view> tried;
  std::vector<ImpliedValue> found;
  const std::size_t most_tries =
      std::min(kMostTries, kMostWork / std::max<std::size_t>(expected.tensors.size(), 1));
  std::size_t tries = 0;
  for (const std::string_view key : keys_read(*expected.schema)) {
    const auto value = query.of_key(key);
    if (!value || value->integer() == nullptr || !tried.insert(key).second) continue;
    std::set<std::int64_t> candidates;
    for (const ExtentPair& pair : extents) {
      if (const auto candidate = scaled_value(*value->integer(), pair))
        candidates.insert(*candidate);
    }
    candidates.erase(*value->integer());
    for (const std::int64_t candidate : candidates) {
      if (++tries > most_tries) return;
      json::Value changed = *config;
      if (set_path(changed, key, candidate) && implies_all(changed, checkpoint, expected, join))
        found.push_back({std::string(key), *value->integer(), candidate});
    }
  }
  if (found.size() == 1) join.implied = std::move(found.front());
}

void explain_depth(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const json::Value* config = checkpoint.config_value();
  if (config == nullptr || join.surplus_layers.empty() || !join.absent_layers.empty() ||
      !join.missing.empty() || !join.unexpected.empty() || expected.layers_pointer.empty()) {
    return;
  }
  std::string key = expected.layers_pointer.substr(1);
  std::ranges::replace(key, '/', '.');
  const std::int64_t depth = std::int64_t{join.surplus_layers.rbegin()->first} + 1;
  json::Value changed = *config;
  if (!set_path(changed, key, depth)) return;
  const auto other = expand(*expected.schema, changed,
                            {.class_name = expected.class_name, .layout = expected.layout});
  if (!other || !other->usable || other->problems.size() > expected.problems.size()) return;
  const auto is_expected = [&](const Tensor& tensor) {
    const ExpectedTensor* wanted = other->find(tensor.name);
    return wanted != nullptr ? same_shape(wanted->shape, tensor.shape)
                             : other->is_ignored(tensor.name);
  };
  const bool fits = std::ranges::all_of(checkpoint.tensors, is_expected) &&
                    std::ranges::all_of(other->tensors, [&](const ExpectedTensor& wanted) {
                      return wanted.optional || checkpoint.find(wanted.name) != nullptr;
                    });
  if (fits) {
    join.implied_depth =
        ImpliedValue{std::move(key), static_cast<std::int64_t>(expected.layers.value_or(0)), depth};
  }
}

}  // namespace shardwright
