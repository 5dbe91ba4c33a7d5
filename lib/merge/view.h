// The tensors of an input as a merge sees them: in one layout with the others, without what only
// repeats another, and with the layer that each belongs to.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arch/expand.h"
#include "merge/plan.h"

namespace shardwright {

struct ViewTensor {
  Tensor tensor{};
  DType stored{};              // its dtype in the model; that of `tensor` may hold more
  bool adapted{};              // it is computed: an adapter has changed it, or it was fp8
  std::uint64_t read_bytes{};  // for all of it
  Role role{};
  bool known{};     // the rule has it
  bool optional{};  // by the rule
  // Where the name says the number of a layer: "model.layers.12.mlp.up_proj.weight" has the stack
  // "model.layers." and layer 12. No stack: no layer.
  std::string_view stack{};
  std::uint64_t layer{};
  // What it is made of, where that is stored in another layout; else empty.
  std::vector<std::string_view> stored_names{};
};

struct View {
  std::map<std::string_view, ViewTensor> tensors{};
  std::map<std::string_view, std::uint64_t> depths{};  // layers of each stack
  std::string_view stack{};  // the one that layer_range counts; empty where it is not clear
  std::set<std::string_view> of_rule{};  // stacks that the rule counts as layers
};

// The view of an input, which must outlive it.
View view_of(const MergeInput& input);

// Adds a tensor with what the rule says of it; `expected` is null where the rule has none of that
// name. finish_view() comes last.
void add_to_view(View& view, ViewTensor tensor, const ExpectedTensor* expected);
void finish_view(View& view);

// The name with its layer's number replaced.
std::string with_layer(std::string_view name, const ViewTensor& tensor, std::uint64_t layer);

}  // namespace shardwright
