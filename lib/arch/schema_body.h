// A rule after loading: expressions compiled, names resolved, roles attached to their tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arch/expand.h"
#include "arch/expr.h"
#include "arch/name_pattern.h"

namespace shardwright {

using Slot = std::uint16_t;

// A key of a config: "text_config.hidden_size", "per_layer_config.{layer}.head_dim".
struct ConfigKey {
  struct Step {
    std::string text{};
    std::optional<Slot> letter{};
  };
  std::string source{};
  std::vector<Step> steps{};
};

enum class Section : std::uint8_t { kSize, kFlag, kList };

struct Definition {
  std::string name{};
  std::string pointer{};  // in the rule
  Section section{};
  std::vector<ConfigKey> keys{};
  std::optional<Expr> absent{};      // after `=`; the whole of a computed definition
  std::optional<Expr> null_value{};  // after `??`
  bool computed{};
  std::optional<Slot> letter{};  // of an `each`: the rest describes one element
  std::optional<Expr> count{};
};

struct Requirement {
  Expr condition{};
  std::string message{};
  bool list_length{};  // it compares len(...) with something
};

// A name with holes. A hole that is a letter alone is by far the most frequent.
struct NameTemplate {
  struct Piece {
    std::string text{};  // before the hole
    std::optional<Slot> letter{};
    std::optional<Expr> hole{};
  };
  std::string source{};
  std::vector<Piece> pieces{};
};

struct TensorRule {
  NameTemplate name{};  // without what the blocks around it put before
  std::string full{};   // with it, holes unfilled
  std::vector<Expr> shape{};
  bool shape_varies{};        // it reads a letter
  std::size_t shape_cache{};  // position in a cache of shapes that do not vary
  Role role{};
  ExpectedDType dtype{};
  bool may_be_fp8{};
  bool in_layer{};  // inside an `each`
  std::string pointer{};
};

struct Block;

struct TensorItem {
  std::optional<TensorRule> tensor{};
  std::unique_ptr<Block> block{};  // where `tensor` is none
};

struct Block {
  std::optional<Slot> letter{};
  std::optional<Expr> count{};
  std::optional<Expr> when{};
  NameTemplate under{};
  std::optional<Expr> optional{};
  bool varies{};  // what is in it, and how often, depends on its own letter
  std::vector<TensorItem> items{};
  std::vector<TensorItem> otherwise{};
};

struct StackChange {
  std::vector<NumberedName> of{};
  NumberedName to{};
  std::size_t letter_count{};
  std::optional<std::size_t> over{};  // position among the letters; none for a `concat`
  bool transpose{};
};

struct SplitChange {
  NumberedName of{};
  std::vector<NumberedName> to{};
  std::vector<Expr> sizes{};
};

struct RenameChange {
  std::string from{};
  std::string to{};
  bool at_start{};
};

struct ClassChange {
  std::string name{};
  std::vector<std::string> without{};
  std::vector<TensorItem> with{};
  std::string strip{};
  std::vector<RenameChange> rename{};
  std::vector<NameTemplate> ignored{};  // beside the rule's
};

struct LayoutChange {
  std::string name{};
  bool internal{};  // as SchemaLayout has it
  std::vector<std::string> without{};
  std::vector<StackChange> stacks{};  // and concats
  std::vector<SplitChange> splits{};
  std::vector<std::string> transpose{};
  std::vector<TensorItem> with{};
  std::vector<RenameChange> rename{};
};

struct TiedRule {
  // Dotted; tied where any of them is true. One may be several spellings with '|' between: the
  // first that the config has counts.
  std::vector<std::string> keys{};
  bool fallback{};                                             // where the first is absent
  std::vector<std::pair<std::string, std::string>> tensors{};  // target, source
};

struct SchemaBody {
  std::vector<std::string> names{};       // by slot: definitions, "class", "labels", letters
  std::vector<Definition> definitions{};  // by slot
  std::vector<Slot> order{};              // in which to evaluate them
  Slot class_slot{};
  Slot labels_slot{};
  std::vector<Requirement> requirements{};
  std::vector<TensorItem> tensors{};
  std::vector<ClassChange> classes{};  // in the order of Schema::classes
  std::vector<LayoutChange> layouts{};
  TiedRule tied{};
  std::vector<NameTemplate> ignored{};
  std::size_t shape_caches{};

  [[nodiscard]] std::optional<Slot> slot(std::string_view name) const;
  [[nodiscard]] bool is_letter(Slot slot) const { return slot > labels_slot; }
};

// Calls visit(const TensorRule&) for every tensor of the items, inside blocks too.
template <typename Items, typename Visit>
void for_each_tensor(Items& items, const Visit& visit) {
  for (auto& item : items) {
    if (item.tensor) {
      visit(*item.tensor);
    } else {
      for_each_tensor(item.block->items, visit);
      for_each_tensor(item.block->otherwise, visit);
    }
  }
}

}  // namespace shardwright
