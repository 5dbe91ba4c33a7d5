// The tensors of one on-disk form while it is made: the hub's, then a layout's changes to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/block_quant.h"
#include "arch/config_values.h"
#include "arch/schema_body.h"
#include "arch/storage.h"

namespace shardwright {

// How a tensor of a layout is made of tensors of the hub's form.
struct Origin {
  enum class Kind : std::uint8_t {
    kAdded,   // of nothing
    kWhole,   // of one tensor, perhaps transposed
    kJoined,  // of several, one after the other
    kPart,    // of rows of one tensor
  };
  Kind kind{};
  bool transposed{};
  std::uint64_t groups{1};               // of a stack: its first extent
  std::uint64_t begin{};                 // of a part: its first row
  std::vector<std::uint32_t> sources{};  // positions in the hub's form
};

struct Form {
  std::vector<ExpectedTensor> tensors{};
  std::vector<Origin> origins{};  // as many as tensors, or none where nobody asks
  struct Tie {
    std::size_t target{};
    std::size_t source{};
  };
  std::vector<Tie> ties{};  // positions in `tensors`
  NameTable table{};
};

// Where a form's names and extents are kept, and what they are computed from.
struct FormContext {
  const Schema& schema;
  const SchemaBody& body;
  const ClassChange& change;
  const BlockQuant& quant;
  ConfigValues& values;
  Expansion::Storage& storage;
};

// Adds the tensors of the items, but for names that fit one of `without`. False where the config
// has no answer: a problem says why.
bool emit(FormContext& context, const std::vector<TensorItem>& items,
          std::span<const std::string> without, std::vector<ExpectedTensor>& into);

// How many they are, without making them; none, with a problem, above kMaxExpected.
std::optional<std::uint64_t> count_tensors(FormContext& context,
                                           const std::vector<TensorItem>& items);

// The hub's form of a class, before its names are stripped. False as for emit().
bool make_hub(FormContext& context, Form& form);

// The form of a layout, made of the hub's. kMalformed where it does not fit the rule's own tensors.
Result<Form> apply_layout(FormContext& context, const LayoutChange& layout, const Form& hub);

// Strips and renames as the class asks, adds the block scales of fp8, and makes the table.
Status finish(FormContext& context, Form& form);

// kInvalidArgument where the rule has no layout of that name: the message says which it has.
Status is_layout_of(const Schema& schema, std::string_view layout);

// An expansion, and how its tensors are made of those of the hub's form, before block scales are
// added there.
struct TracedExpansion {
  Expansion expansion{};
  std::vector<Origin> origins{};
};
Result<TracedExpansion> expand_traced(const Schema& schema, const json::Value& config,
                                      const ExpandRequest& request, bool trace);

std::string renamed(std::string_view name, const std::vector<RenameChange>& changes);

}  // namespace shardwright
