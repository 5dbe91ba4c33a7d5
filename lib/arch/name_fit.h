// How well the names that are there fit a rule: for checkpoints without a word on what they are.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "arch/schema.h"

namespace shardwright {

// The names with numbers folded: some dozens, whatever the number of layers.
using FoldedNames = std::unordered_set<std::string>;
FoldedNames fold_names(std::span<const std::string_view> names);

// The names of all tensors that the rule has under any config, in any class and layout, folded.
FoldedNames all_names(const Schema& schema);

// Ordered: a better fit is less.
struct NameFit {
  std::size_t unexplained{};  // names that the rule does not have
  std::size_t missing{};      // names that the rule always has, and that are not there
  bool unlikely_head{};       // a stored head where the class ties, or none where it does not
  std::size_t spare{};        // names that the rule may have, and that are not there

  auto operator<=>(const NameFit&) const = default;
};

// The fit of the form of the rule that fits best; none where it does not convince: nine of ten
// names are explained, and nine of ten that must be there are.
std::optional<NameFit> fit_names(const Schema& schema, const FoldedNames& present);

}  // namespace shardwright
