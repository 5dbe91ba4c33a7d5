#include "merge/wanted.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"

namespace shardwright {
namespace {

using ByName = std::map<std::string_view, std::vector<Candidate>>;

class WantedTensors {
 public:
  WantedTensors(const WantedTask& task, std::vector<std::string>& notes)
      : task_(task), notes_(notes) {}

  std::vector<Wanted> run() {
    for (const Part& part : task_.parts)
      add_part(part);
    return std::move(wanted_);
  }

 private:
  void add_part(const Part& part) {
    if (part.slices.front().whole) {
      add_whole(part, part.slices.front());
      return;
    }
    add_outside(part, part.slices.front(), true);
    std::uint64_t layer = 0;
    for (const Slice& slice : part.slices) {
      const std::uint64_t layers = slice.sources.front().end - slice.sources.front().begin;
      for (std::uint64_t i = 0; i < layers; ++i)
        add_layer(part, slice, i, layer++);
    }
    add_outside(part, part.slices.back(), false);
  }

  void add_whole(const Part& part, const Slice& slice) {
    ByName found;
    for (std::size_t i = 0; i < slice.sources.size(); ++i) {
      for (const auto& [name, tensor] : view(slice, i).tensors) {
        if (is_of(part, task_.recipe, name))
          found[name].push_back({.source = i, .tensor = &tensor});
      }
    }
    for (auto& [name, candidates] : found) {
      const double place = place_of(*candidates.front().tensor, slice);
      add(slice, name, std::move(candidates), place);
    }
  }

  // 0 for the first layer of a stack, 1 for the last, and 0 for what is in none.
  [[nodiscard]] double place_of(const ViewTensor& tensor, const Slice& slice) const {
    if (tensor.stack.empty()) return 0;
    std::uint64_t depth = 0;
    for (std::size_t i = 0; i < slice.sources.size(); ++i) {
      const auto& depths = view(slice, i).depths;
      const auto found = depths.find(tensor.stack);
      if (found != depths.end()) depth = std::max(depth, found->second);
    }
    return place_in(tensor.layer, depth);
  }

  // The only layer of a stack is its last.
  static double place_in(std::uint64_t layer, std::uint64_t depth) {
    return depth == 1 ? 1 : static_cast<double>(layer) / static_cast<double>(depth - 1);
  }

  // Tensors that belong to no layer: what comes before the layers from the first slice, what comes
  // behind them from the last.
  void add_outside(const Part& part, const Slice& slice, bool before) {
    ByName found;
    for (std::size_t i = 0; i < slice.sources.size(); ++i) {
      for (const auto& [name, tensor] : view(slice, i).tensors) {
        if (tensor.stack == part.stacks[slice.sources[i].input] ||
            !is_of(part, task_.recipe, name)) {
          continue;
        }
        if (comes_before(*as_a_rule_has_it(slice, name, &tensor)) == before)
          found[name].push_back({.source = i, .tensor = &tensor});
      }
    }
    if (!before) add_tied_heads(slice, found);
    for (auto& [name, candidates] : found)
      add(slice, name, std::move(candidates), 0);
  }

  static bool comes_before(const ViewTensor& tensor) {
    return !tensor.known || tensor.role == Role::kEmbedding || tensor.role == Role::kPosition ||
           !tensor.stack.empty();
  }

  // A file without a config has no rule: what another source has by that name tells its role.
  [[nodiscard]] const ViewTensor* as_a_rule_has_it(const Slice& slice, std::string_view name,
                                                   const ViewTensor* tensor) const {
    for (std::size_t i = 0; i < slice.sources.size(); ++i) {
      const auto& tensors = view(slice, i).tensors;
      const auto found = tensors.find(name);
      if (found != tensors.end() && found->second.known) return &found->second;
    }
    return tensor;
  }

  void add_layer(const Part& part, const Slice& slice, std::uint64_t offset, std::uint64_t layer) {
    std::map<std::string, std::vector<Candidate>> found;  // by the names of the result
    for (std::size_t i = 0; i < slice.sources.size(); ++i) {
      const SliceSource& source = slice.sources[i];
      const auto& tensors = view(slice, i).tensors;
      const std::string prefix =
          fmt::format("{}{}.", part.stacks[source.input], source.begin + offset);
      for (auto at = tensors.lower_bound(prefix);
           at != tensors.end() && at->first.starts_with(prefix); ++at) {
        found[with_layer(at->first, at->second, layer)].push_back(
            {.source = i, .tensor = &at->second});
      }
    }
    const SliceSource& first = slice.sources.front();
    for (auto& [name, candidates] : found)
      add(slice, name, std::move(candidates), place_in(offset, first.end - first.begin));
  }

  void add(const Slice& slice, std::string_view name, std::vector<Candidate> candidates,
           double place) {
    if (candidates.size() < slice.sources.size()) stand_in_for_heads(slice, name, candidates);
    wanted_.push_back({std::string(name), &slice, std::move(candidates), place});
  }

  // --- tied heads ------------------------------------------------------------------------------

  // Where the result is not tied and the last slice is of tied models alone, their embeddings stand
  // for its head.
  void add_tied_heads(const Slice& slice, ByName& found) {
    const Expansion* donor = task_.inputs[task_.donor].expected;
    if (donor == nullptr || donor->tie.tied) return;
    for (const ExpectedTie& tie : donor->ties) {
      if (found.contains(tie.target)) continue;
      std::vector<Candidate> heads;
      for (std::size_t i = 0; i < slice.sources.size(); ++i) {
        const auto head = tied_head(slice, i, tie.target);
        if (!head) return;
        heads.push_back(*head);
      }
      for (const Candidate& head : heads)
        tell_tied(slice, tie.target, head);
      found[tie.target] = std::move(heads);
    }
  }

  // A tied model's embedding stands for the head that others store.
  void stand_in_for_heads(const Slice& slice, std::string_view name,
                          std::vector<Candidate>& candidates) {
    std::vector<Candidate> all;
    for (std::size_t i = 0; i < slice.sources.size(); ++i) {
      const auto there = std::ranges::find(candidates, i, &Candidate::source);
      if (there != candidates.end()) {
        all.push_back(*there);
        continue;
      }
      if (const auto head = tied_head(slice, i, name)) {
        all.push_back(*head);
        tell_tied(slice, name, *head);
      }
    }
    candidates = std::move(all);
  }

  // The embedding of a source that is tied, where it is what the source has for the head.
  [[nodiscard]] std::optional<Candidate> tied_head(const Slice& slice, std::size_t source,
                                                   std::string_view head) const {
    const Expansion* expected = task_.inputs[slice.sources[source].input].expected;
    if (expected == nullptr || !expected->tie.tied) return std::nullopt;
    const auto tie = std::ranges::find(expected->ties, head, &ExpectedTie::target);
    if (tie == expected->ties.end()) return std::nullopt;
    const auto& tensors = view(slice, source).tensors;
    const auto embedding = tensors.find(tie->source);
    if (embedding == tensors.end()) return std::nullopt;
    return Candidate{.source = source, .tensor = &embedding->second};
  }

  void tell_tied(const Slice& slice, std::string_view head, const Candidate& candidate) {
    const MergeInput& input = task_.inputs[slice.sources[candidate.source].input];
    notes_.push_back(fmt::format("{} of {} is tied: {} stands for it", quoted(head),
                                 quoted(input.model.text), quoted(candidate.tensor->tensor.name)));
  }

  [[nodiscard]] const View& view(const Slice& slice, std::size_t source) const {
    return task_.views[slice.sources[source].input];
  }

  const WantedTask& task_;
  std::vector<std::string>& notes_;
  std::vector<Wanted> wanted_;
};

}  // namespace

std::vector<Wanted> wanted_tensors(const WantedTask& task, std::vector<std::string>& notes) {
  return WantedTensors(task, notes).run();
}

}  // namespace shardwright
