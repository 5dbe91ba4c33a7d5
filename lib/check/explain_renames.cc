#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/text.h"
#include "check/join_explain.h"
#include "check/name_numbers.h"

namespace shardwright {
namespace {

// Tensors whose names differ by nothing but their numbers, in the order of these.
template <typename T>
struct NameGroup {
  std::string folded{};
  std::vector<std::pair<std::vector<std::int32_t>, const T*>> tensors{};
};

constexpr std::size_t kMostGroups = 128;

template <typename T>
std::vector<NameGroup<T>> groups_of(const std::vector<const T*>& list) {
  std::map<std::string, NameGroup<T>> groups;
  for (const T* tensor : list) {
    std::string folded = without_numbers(tensor->name);
    NameGroup<T>& group = groups[folded];
    group.folded = std::move(folded);
    std::vector<std::int32_t> numbers;
    for (const NameNumber& number : numbers_of(tensor->name))
      numbers.push_back(number.value);
    group.tensors.emplace_back(std::move(numbers), tensor);
    if (groups.size() > kMostGroups) return {};
  }
  std::vector<NameGroup<T>> result;
  for (auto& [folded, group] : groups) {
    std::ranges::sort(group.tensors);
    result.push_back(std::move(group));
  }
  return result;
}

// A weight is renamed to a weight, and a scale to a scale.
bool end_alike(std::string_view a, std::string_view b) {
  const std::string_view end_a = a.substr(a.rfind('.') + 1);
  const std::string_view end_b = b.substr(b.rfind('.') + 1);
  const auto is_scale = [](std::string_view end) {
    return end.find("scale") != std::string_view::npos;
  };
  return end_a == end_b || (is_scale(end_a) && is_scale(end_b));
}

bool may_be(const NameGroup<Tensor>& stored, const NameGroup<ExpectedTensor>& wanted) {
  return end_alike(stored.folded, wanted.folded) &&
         std::ranges::equal(stored.tensors, wanted.tensors, [](const auto& a, const auto& b) {
           return a.first == b.first && same_shape(a.second->shape, b.second->shape);
         });
}

using NameChange = std::pair<std::string, std::string>;  // segments, and what stands in their place

std::string joined_segments(std::span<const std::string_view> segments) {
  std::string text;
  for (const std::string_view segment : segments)
    text.append(text.empty() ? "" : ".").append(segment);
  return text;
}

// What differs between two names; whole segments.
NameChange name_difference(std::string_view from, std::string_view to) {
  const auto a = split(from, '.');
  const auto b = split(to, '.');
  std::size_t first = 0;
  while (first < a.size() && first < b.size() && a[first] == b[first])
    ++first;
  std::size_t last = 0;
  while (first + last < a.size() && first + last < b.size() &&
         a[a.size() - 1 - last] == b[b.size() - 1 - last]) {
    ++last;
  }
  const std::span all_a(a);
  const std::span all_b(b);
  return {joined_segments(all_a.subspan(first, a.size() - first - last)),
          joined_segments(all_b.subspan(first, b.size() - first - last))};
}

struct GroupPair {
  std::size_t stored{}, wanted{};  // positions of groups
};

class Renames {
 public:
  Renames(std::vector<NameGroup<Tensor>> stored, std::vector<NameGroup<ExpectedTensor>> wanted)
      : stored_(std::move(stored)), wanted_(std::move(wanted)) {
    for (std::size_t s = 0; s < stored_.size(); ++s) {
      for (std::size_t w = 0; w < wanted_.size(); ++w) {
        if (!may_be(stored_[s], wanted_[w])) continue;
        ++choices_of_stored_[s];
        ++choices_of_wanted_[w];
        changes_[name_difference(stored_[s].folded, wanted_[w].folded)].push_back({s, w});
      }
    }
  }

  // Changes of several groups first; of one group only where nothing else fits it.
  std::vector<Renamed> found() {
    std::vector<const std::pair<const NameChange, std::vector<GroupPair>>*> order;
    for (const auto& change : changes_)
      order.push_back(&change);
    std::ranges::stable_sort(order, std::ranges::greater(),
                             [](const auto* change) { return change->second.size(); });
    std::vector<Renamed> result;
    for (const auto* change : order) {
      const std::vector<GroupPair>& pairs = change->second;
      if (!is_free(pairs) || (pairs.size() == 1 && !is_only_choice(pairs.front()))) continue;
      if (pairs.size() > 1 && has_rival(*change)) continue;
      Renamed renamed{.from = change->first.first, .to = change->first.second};
      for (const GroupPair& pair : pairs) {
        used_stored_.insert(pair.stored);
        used_wanted_.insert(pair.wanted);
        for (std::size_t i = 0; i < stored_[pair.stored].tensors.size(); ++i) {
          renamed.tensors.push_back(
              {stored_[pair.stored].tensors[i].second, wanted_[pair.wanted].tensors[i].second});
        }
      }
      result.push_back(std::move(renamed));
    }
    return result;
  }

 private:
  [[nodiscard]] bool is_free(const std::vector<GroupPair>& pairs) const {
    std::set<std::size_t> stored;
    std::set<std::size_t> wanted;
    return std::ranges::all_of(pairs, [&](const GroupPair& pair) {
      return !used_stored_.contains(pair.stored) && !used_wanted_.contains(pair.wanted) &&
             stored.insert(pair.stored).second && wanted.insert(pair.wanted).second;
    });
  }

  [[nodiscard]] bool is_only_choice(const GroupPair& pair) const {
    return choices_of_stored_.at(pair.stored) == 1 && choices_of_wanted_.at(pair.wanted) == 1;
  }

  // Another change explains as much of the same.
  [[nodiscard]] bool has_rival(
      const std::pair<const NameChange, std::vector<GroupPair>>& change) const {
    return std::ranges::any_of(changes_, [&](const auto& other) {
      return &other != &change && other.second.size() == change.second.size() &&
             std::ranges::any_of(other.second, [&](const GroupPair& pair) {
               return std::ranges::find(change.second, pair.stored, &GroupPair::stored) !=
                      change.second.end();
             });
    });
  }

  std::vector<NameGroup<Tensor>> stored_;
  std::vector<NameGroup<ExpectedTensor>> wanted_;
  std::map<NameChange, std::vector<GroupPair>> changes_;
  std::map<std::size_t, std::size_t> choices_of_stored_, choices_of_wanted_;
  std::set<std::size_t> used_stored_, used_wanted_;
};

}  // namespace

void explain_renames(const Checkpoint& /*checkpoint*/, const Expansion& /*expected*/, Join& join) {
  if (join.unexpected.empty() || join.missing.empty() || join.matched == 0) return;
  Renames renames(groups_of(join.unexpected), groups_of(join.missing));
  join.renamed = renames.found();
  std::unordered_set<const Tensor*> stored;
  std::unordered_set<const ExpectedTensor*> wanted;
  for (const Renamed& renamed : join.renamed) {
    for (const Tolerated& pair : renamed.tensors) {
      stored.insert(pair.stored);
      wanted.insert(pair.expected);
    }
  }
  std::erase_if(join.unexpected, [&](const Tensor* tensor) { return stored.contains(tensor); });
  std::erase_if(join.missing,
                [&](const ExpectedTensor* tensor) { return wanted.contains(tensor); });
}

// Layers that were taken out of a model without giving the others new numbers: those that are
// stored are as many as the config counts.
void explain_numbering(const Checkpoint& checkpoint, const Expansion& expected, Join& join) {
  if (join.absent_layers.empty() || join.absent_layers.size() != join.surplus_layers.size() ||
      !join.missing.empty() || !expected.layers) {
    return;
  }
  std::vector<std::int32_t> stored;
  for (std::int32_t layer = 0; layer < static_cast<std::int32_t>(*expected.layers); ++layer) {
    if (!join.absent_layers.contains(layer)) stored.push_back(layer);
  }
  for (const auto& [layer, tensors] : join.surplus_layers)
    stored.push_back(layer);
  std::map<std::int32_t, std::int32_t> moved;  // a layer that keeps its number is not in it
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (stored[i] != static_cast<std::int32_t>(i)) moved[stored[i]] = static_cast<std::int32_t>(i);
  }
  Renamed renamed{.is_numbering = true};
  std::unordered_set<const ExpectedTensor*> found;
  for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const Tensor& tensor = checkpoint.tensors[i];
    const ExpectedTensor* own = join.expected_of[i];
    if (own != nullptr && own->layer < 0) continue;
    const std::vector<NameNumber> numbers = numbers_of(tensor.name);
    if (numbers.empty()) continue;
    const auto to = moved.find(numbers.front().value);
    if (to == moved.end()) continue;
    std::string name(tensor.name);
    name.replace(numbers.front().begin, numbers.front().end - numbers.front().begin,
                 std::to_string(to->second));
    const ExpectedTensor* wanted = expected.find(name);
    if (wanted == nullptr || !same_shape(wanted->shape, tensor.shape) ||
        !found.insert(wanted).second) {
      return;
    }
    renamed.tensors.push_back({&tensor, wanted});
  }
  // What an absent layer needs is there under another number, and a layer that stays is whole.
  for (const ExpectedTensor& wanted : expected.tensors) {
    if (wanted.optional || wanted.layer < 0 || found.contains(&wanted)) continue;
    const bool stays = !moved.contains(wanted.layer) && checkpoint.find(wanted.name) != nullptr;
    if (!stays) return;
  }
  join.renamed.push_back(std::move(renamed));
  join.absent_layers.clear();
  join.surplus_layers.clear();
}

}  // namespace shardwright
