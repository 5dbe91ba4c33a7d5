#include "check/unwrapped.h"

#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <utility>

#include "check/join_explain.h"

namespace shardwright {
namespace {

// How the names look without it.
struct BareFit {
  std::size_t held{};      // names that it is taken out of
  std::size_t expected{};  // of these, names of the rule
  bool distinct{true};     // all names are, then
};

BareFit fit_without(const Wrapping& wrapping, const Checkpoint& checkpoint,
                    const Expansion& expected) {
  BareFit fit;
  std::unordered_set<std::string> seen;
  for (const Tensor& tensor : checkpoint.tensors) {
    std::string bare = wrapping.bare(tensor.name);
    if (bare != tensor.name) {
      ++fit.held;
      if (expected.find(bare) != nullptr) ++fit.expected;
    }
    if (!seen.insert(std::move(bare)).second) fit.distinct = false;
  }
  return fit;
}

bool explains(const BareFit& fit) {
  return fit.distinct && fit.expected > 0 && 2 * fit.expected > fit.held;
}

// A text without which most of all names are the rule's.
std::optional<Wrapping> outer_prefix_of(const Checkpoint& checkpoint, const Expansion& expected) {
  constexpr std::size_t kMostTensors = 8;
  constexpr int kMostSegments = 4;
  for (std::size_t i = 0; i < std::min(kMostTensors, checkpoint.tensors.size()); ++i) {
    const std::string_view name = checkpoint.tensors[i].name;
    std::size_t length = 0;
    for (int segment = 0; segment < kMostSegments; ++segment) {
      const std::size_t dot = name.find('.', length);
      if (dot == std::string_view::npos) break;
      length = dot + 1;
      if (expected.find(name.substr(length)) == nullptr) continue;
      Wrapping found{.outer_prefix = std::string(name.substr(0, length))};
      const BareFit fit = fit_without(found, checkpoint, expected);
      if (explains(fit) && 2 * fit.expected > checkpoint.tensors.size()) return found;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string Wrapping::bare(std::string_view name) const {
  return bare_name(name, outer_prefix, segments);
}

std::optional<Wrapping> wrapping_of(const Checkpoint& checkpoint, const Expansion& expected,
                                    const Join& join) {
  const bool told = !join.wrappers.empty() || !join.outer_prefix.empty();
  if (!join.compared || join.wrappers_exact || (!told && join.unexpected.empty()) ||
      !join.other_class.empty() || !expected.usable ||
      // A model with an adapter beside it is another cause: explain_adapter().
      std::ranges::any_of(checkpoint.tensors, is_adapter_name, &Tensor::name)) {
    return std::nullopt;
  }
  Wrapping known{.segments = wrappers_in(checkpoint)};
  if (known.segments.empty() && join.other_layout.empty())
    known.segments = text_segment_in(checkpoint, expected);
  if (!known.segments.empty())
    return explains(fit_without(known, checkpoint, expected)) ? std::optional(std::move(known))
                                                              : std::nullopt;
  if (join.matched != 0 || !join.mismatched.empty() || !join.odd_prefix.empty())
    return std::nullopt;
  return outer_prefix_of(checkpoint, expected);
}

BareNames::BareNames(Checkpoint& checkpoint, const Wrapping& wrapping) : checkpoint_(checkpoint) {
  const auto unwrap = [&](std::string_view& name, std::vector<std::string_view>& stored) {
    stored.push_back(name);
    name = bare_.emplace_back(wrapping.bare(name));
  };
  for (Tensor& tensor : checkpoint.tensors)
    unwrap(tensor.name, stored_);
  if (checkpoint.index) {
    for (IndexEntry& entry : checkpoint.index->index.entries)
      unwrap(entry.name, indexed_);
  }
  checkpoint.build_names();
}

BareNames::~BareNames() {
  for (std::size_t i = 0; i < stored_.size(); ++i)
    checkpoint_.tensors[i].name = stored_[i];
  for (std::size_t i = 0; i < indexed_.size(); ++i)
    checkpoint_.index->index.entries[i].name = indexed_[i];
  checkpoint_.build_names();
}

void note_wrapping(Wrapping wrapping, const Checkpoint& checkpoint, const Expansion& expected,
                   Join& join) {
  const BareFit fit = fit_without(wrapping, checkpoint, expected);
  join.wrappers_names_alone = fit.expected == fit.held;
  join.wrappers = std::move(wrapping.segments);
  join.outer_prefix = std::move(wrapping.outer_prefix);
}

}  // namespace shardwright
