// The experts that a config counts against those that are stored: another number in all layers
// alike, or layers that lack some, have more, or number them otherwise.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "check/expert_place.h"
#include "check/join_explain.h"
#include "check/other_config.h"

namespace shardwright {
namespace {

// What of an expert the architecture needs and is not stored.
struct WantedExpert {
  std::size_t required{};
  std::vector<const ExpectedTensor*> missing{};
};

struct ExpertTally {
  std::map<std::int32_t, std::set<std::int32_t>> stored{};  // by layer: experts that are there
  std::map<ExpertPlace, WantedExpert> wanted{};
  std::map<ExpertPlace, std::vector<const Tensor*>> surplus{};
  // Of stacks of experts: how many each holds; none where they differ.
  std::optional<std::uint64_t> stacked{};
};

bool is_stack(const Expansion& expected, const ExpectedTensor& wanted) {
  return wanted.role == Role::kExpert && wanted.expert < 0 && wanted.shape.size() > 1 &&
         wanted.shape.front() == expected.experts;
}

void count_stacks(const Checkpoint& checkpoint, const Expansion& expected, ExpertTally& tally) {
  std::optional<std::uint64_t> count;
  for (const ExpectedTensor& wanted : expected.tensors) {
    if (!is_stack(expected, wanted)) continue;
    const Tensor* stored = checkpoint.find(wanted.name);
    if (stored == nullptr) continue;
    if (stored->shape.size() != wanted.shape.size()) return;
    if (count && *count != stored->shape.front()) return;
    count = stored->shape.front();
  }
  tally.stacked = count;
}

ExpertTally tally_experts(const Checkpoint& checkpoint, const Expansion& expected,
                          const Join& join) {
  ExpertTally tally;
  // Of a layer that a broken shard took a part of nobody knows what it held.
  std::set<std::int32_t> unknown;
  for (const ExpectedTensor* wanted : join.lost) {
    if (wanted->expert >= 0) unknown.insert(wanted->layer);
  }
  for (const ExpectedTensor& wanted : expected.tensors) {
    if (wanted.expert >= 0 && !wanted.optional) {
      ++tally.wanted[{wanted.layer, wanted.expert}].required;
    }
  }
  for (const ExpectedTensor* wanted : join.missing) {
    if (wanted->expert >= 0)
      tally.wanted[{wanted->layer, wanted->expert}].missing.push_back(wanted);
  }
  for (const auto& [place, expert] : tally.wanted) {
    if (expert.missing.size() == expert.required || unknown.contains(place.first)) continue;
    tally.stored[place.first].insert(place.second);
  }
  for (const Tensor* tensor : join.unexpected) {
    const auto place = place_beyond(expected, tensor->name);
    if (!place || unknown.contains(place->first)) continue;
    tally.stored[place->first].insert(place->second);
    tally.surplus[*place].push_back(tensor);
  }
  count_stacks(checkpoint, expected, tally);
  return tally;
}

// The number that all layers hold, numbered from 0, where it is not the config's.
std::optional<std::uint64_t> other_count(const ExpertTally& tally, std::uint64_t config) {
  std::optional<std::uint64_t> count = tally.stacked;
  for (const auto& [layer, numbers] : tally.stored) {
    if (count && *count != numbers.size()) return std::nullopt;
    count = numbers.size();
    if (*numbers.rbegin() + 1 != static_cast<std::int32_t>(numbers.size())) return std::nullopt;
  }
  return count && *count > 0 && *count != config ? count : std::nullopt;
}

// What the config would ask for if it counted that many experts. None where no value can be set:
// the object that holds it is absent.
std::optional<Expansion> with_count(const Checkpoint& checkpoint, const Expansion& expected,
                                    std::uint64_t count) {
  const json::Value* config = checkpoint.config_value();
  const std::string key = dotted_key(expected.experts_pointer);
  const std::size_t parent = key.rfind('.');
  if (config == nullptr || key.empty() ||
      (parent != std::string::npos && config->find_path(key.substr(0, parent)) == nullptr))
    return std::nullopt;
  return expand_with(expected, *config, key, json::Value{static_cast<std::int64_t>(count)},
                     MoreContradictions::kAny);
}

ExpertCount::Routers routers_of(const Checkpoint& checkpoint, const Expansion& expected,
                                std::uint64_t stored) {
  std::optional<std::uint64_t> rows;
  for (const ExpectedTensor& wanted : expected.tensors) {
    if (wanted.role != Role::kRouter || wanted.shape.empty()) continue;
    const Tensor* router = checkpoint.find(wanted.name);
    if (router == nullptr) continue;
    if (router->shape.size() != wanted.shape.size() || (rows && *rows != router->shape.front()))
      return ExpertCount::Routers::kUnclear;
    rows = router->shape.front();
  }
  return rows == stored             ? ExpertCount::Routers::kAsStored
         : rows == expected.experts ? ExpertCount::Routers::kAsConfig
                                    : ExpertCount::Routers::kUnclear;
}

bool is_of_experts(const ExpectedTensor& tensor) {
  return tensor.expert >= 0 || tensor.role == Role::kExpert || tensor.role == Role::kRouter ||
         tensor.role == Role::kRouterBias;
}

// Compares with what the config would ask for, and takes the shapes that this explains out of the
// list.
void compare_with(const Checkpoint& checkpoint, const Expansion& expected, const Expansion& other,
                  Join& join, ExpertCount& experts) {
  experts.fits = std::ranges::all_of(other.tensors, [&](const ExpectedTensor& wanted) {
    if (!is_of_experts(wanted) || wanted.optional) return true;
    const Tensor* stored = checkpoint.find(wanted.name);
    return stored != nullptr && same_shape(stored->shape, wanted.shape);
  });
  for (const ConfigProblem& problem : other.problems)
    experts.contradictions.push_back(problem.message);
  std::ranges::move(resolved_by(other, expected), std::back_inserter(join.resolved));
  std::erase_if(join.mismatched, [&](const ShapeMismatch& mismatch) {
    const ExpectedTensor* wanted = other.find(mismatch.expected->name);
    if (wanted == nullptr || !same_shape(wanted->shape, mismatch.stored->shape)) return false;
    experts.places.emplace_back(mismatch.stored->name);
    return true;
  });
}

void explain_count(const Checkpoint& checkpoint, const Expansion& expected,
                   const ExpertTally& tally, std::uint64_t count, Join& join) {
  ExpertCount experts{.stored = count,
                      .config = *expected.experts,
                      .routers = routers_of(checkpoint, expected, count)};
  std::unordered_set<const ExpectedTensor*> absent;
  for (const ExpectedTensor* wanted : join.missing) {
    if (wanted->expert < static_cast<std::int64_t>(count)) continue;
    absent.insert(wanted);
    experts.places.emplace_back(wanted->name);
  }
  std::unordered_set<const Tensor*> surplus;
  for (const auto& [place, tensors] : tally.surplus)
    surplus.insert(tensors.begin(), tensors.end());
  for (const Tensor* tensor : join.unexpected) {
    if (surplus.contains(tensor)) experts.places.emplace_back(tensor->name);
  }
  erase_explained(join.missing, absent);
  erase_explained(join.unexpected, surplus);
  if (const auto other = with_count(checkpoint, expected, count)) {
    compare_with(checkpoint, expected, *other, join, experts);
  }
  join.experts = std::move(experts);
}

void explain_numbers(const ExpertTally& tally, std::uint64_t config, Join& join) {
  std::unordered_set<const ExpectedTensor*> absent;
  std::unordered_set<const Tensor*> surplus;
  for (const auto& [layer, numbers] : tally.stored) {
    ExpertNumbers found{.layer = layer, .stored = {numbers.begin(), numbers.end()}};
    const auto first = tally.wanted.lower_bound({layer, 0});
    for (auto it = first; it != tally.wanted.end() && it->first.first == layer; ++it) {
      if (numbers.contains(it->first.second)) continue;
      found.absent.push_back(it->first.second);
      found.missing.insert(found.missing.end(), it->second.missing.begin(),
                           it->second.missing.end());
    }
    for (const std::int32_t number : numbers) {
      if (static_cast<std::uint64_t>(number) < config) continue;
      found.surplus.push_back(number);
      const auto& tensors = tally.surplus.at({layer, number});
      found.unexpected.insert(found.unexpected.end(), tensors.begin(), tensors.end());
    }
    if (found.absent.empty() && found.surplus.empty()) continue;
    absent.insert(found.missing.begin(), found.missing.end());
    surplus.insert(found.unexpected.begin(), found.unexpected.end());
    join.expert_numbers.push_back(std::move(found));
  }
  erase_explained(join.missing, absent);
  erase_explained(join.unexpected, surplus);
}

}  // namespace

void explain_experts(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  if (!expected.experts || *expected.experts == 0) return;
  if (join.missing.empty() && join.unexpected.empty() && join.mismatched.empty()) return;
  const ExpertTally tally = tally_experts(checkpoint, expected, join);
  if (const auto count = other_count(tally, *expected.experts)) {
    explain_count(checkpoint, expected, tally, *count, join);
  } else {
    explain_numbers(tally, *expected.experts, join);
  }
}

}  // namespace shardwright
