#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/query.h"
#include "check/causes.h"
#include "check/join_explain.h"
#include "check/other_config.h"

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

constexpr std::size_t kMostExtents = 8;

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

// Whether that gives all stored tensors the shapes that they have.
bool implies_all(const Expansion& other, const Checkpoint& checkpoint, const Expansion& expected,
                 const Join& join) {
  if (other.tensors.size() != expected.tensors.size()) return false;
  const auto agrees = [&](const Tensor& tensor) {
    const ExpectedTensor* wanted = other.find(tensor.name);
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

// How a value may follow from the extents.
enum class Guess {
  kGrows,    // with an extent
  kShrinks,  // a count of heads, say, grows while the size of one shrinks
  kDivides,  // ... and where the size was rounded: it divides a stored extent
};

std::set<std::int64_t> divisors_of(std::uint64_t extent) {
  constexpr std::uint64_t kMost = 1024;
  std::set<std::int64_t> divisors;
  for (std::uint64_t i = 1; i <= std::min(extent, kMost); ++i) {
    if (extent % i == 0) divisors.insert(static_cast<std::int64_t>(i));
  }
  return divisors;
}

std::set<std::int64_t> candidates_of(std::int64_t value, const std::set<ExtentPair>& extents,
                                     Guess guess) {
  std::set<std::int64_t> candidates;
  for (const auto& [stored, wanted] : extents) {
    if (guess == Guess::kDivides) {
      candidates.merge(divisors_of(stored));
      continue;
    }
    const ExtentPair scale =
        guess == Guess::kShrinks ? ExtentPair{wanted, stored} : ExtentPair{stored, wanted};
    if (const auto candidate = scaled_value(value, scale)) candidates.insert(*candidate);
  }
  candidates.erase(value);
  return candidates;
}

// What a 0 or a null may be: what the stored extents are to those of a key that is 1.
std::set<std::int64_t> candidates_at_one(const Expansion& expected, const json::Value& config,
                                         const std::string& key, const Join& join) {
  const auto one =
      expand_with(expected, config, key, json::Value{std::int64_t{1}}, MoreContradictions::kAny);
  if (!one) return {};
  std::set<ExtentPair> extents;
  for (const ShapeMismatch& mismatch : join.mismatched) {
    const ExpectedTensor* wanted = one->find(mismatch.stored->name);
    const ShapeView stored = mismatch.stored->shape;
    if (wanted == nullptr || wanted->shape.size() != stored.size()) return {};
    for (std::size_t i = 0; i < stored.size(); ++i) {
      if (stored[i] != wanted->shape[i]) extents.emplace(stored[i], wanted->shape[i]);
    }
  }
  std::set<std::int64_t> candidates;
  for (const ExtentPair& scale : extents) {
    if (const auto candidate = scaled_value(1, scale)) candidates.insert(*candidate);
  }
  if (candidates.size() > kMostExtents) candidates.clear();
  return candidates;
}

// Whether the config contradicts itself about the key.
bool is_in_doubt(const Expansion& expected, std::string_view key) {
  return std::ranges::any_of(expected.problems, [&](const ConfigProblem& problem) {
    return problem.kind == ConfigProblem::Kind::kContradiction &&
           dotted_key(problem.pointer) == key;
  });
}

// Values of one key that give all stored shapes; by division of a key in doubt alone, since every
// number has many divisors.
std::vector<std::pair<ImpliedValue, Expansion>> fitting_values(const Checkpoint& checkpoint,
                                                               const Expansion& expected,
                                                               const Join& join,
                                                               const std::set<ExtentPair>& extents,
                                                               Guess guess) {
  const json::Value& config = *checkpoint.config_value();
  const ConfigQuery query(*expected.schema, config, expected.class_name);
  std::vector<std::pair<ImpliedValue, Expansion>> found;
  std::size_t tries = most_tries(expected);
  for (const std::string_view key : keys_read(*expected.schema)) {
    const auto value = query.of_key(key);
    if (!value || (value->integer() == nullptr && !value->is_null())) continue;
    const std::string spelling = spelling_in(config, *expected.schema, key);
    if (guess == Guess::kDivides && !is_in_doubt(expected, spelling)) continue;
    const std::int64_t number = value->is_null() ? 0 : *value->integer();
    auto candidates = candidates_of(number, extents, guess);
    if (number == 0 && guess == Guess::kGrows) {
      if (tries-- == 0) return {};
      candidates.merge(candidates_at_one(expected, config, spelling, join));
    }
    for (const std::int64_t candidate : candidates) {
      if (tries-- == 0) return {};
      auto other = expand_with(expected, config, spelling, json::Value{candidate});
      if (!other || !implies_all(*other, checkpoint, expected, join)) continue;
      found.emplace_back(implied_value(config, spelling, *value, json::Value{candidate}),
                         std::move(*other));
    }
  }
  return found;
}

}  // namespace

void explain_shapes(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  const std::set<ExtentPair> extents = differing_extents(join);
  if (checkpoint.config_value() == nullptr || extents.empty() || extents.size() > kMostExtents)
    return;
  std::vector<std::pair<ImpliedValue, Expansion>> found;
  for (const Guess guess : {Guess::kGrows, Guess::kShrinks, Guess::kDivides}) {
    if (found.empty()) found = fitting_values(checkpoint, expected, join, extents, guess);
  }
  if (found.size() != 1) return;
  auto& [value, other] = found.front();
  join.implied = std::move(value);
  std::ranges::move(resolved_by(other, expected), std::back_inserter(join.resolved));
  if (!fits(checkpoint, other)) return;
  // The gates and rows of the vocabulary are of that cause, too.
  for (const ShapeMismatch& mismatch : join.mismatched) {
    if (is_explained_elsewhere(mismatch)) join.implied_also.push_back(mismatch.stored);
  }
  std::erase_if(join.mismatched, is_explained_elsewhere);
}

}  // namespace shardwright
