// The tensors of an input as a merge sees them: in one layout with the others, without what only
// repeats another, and with the layer that each belongs to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

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
};

struct View {
  std::map<std::string_view, ViewTensor> tensors{};
  std::map<std::string_view, std::uint64_t> depths{};  // layers of each stack
  std::string_view stack{};  // the one that layer_range counts; empty where it is not clear
};

// The view of an input, which must outlive it.
View view_of(const MergeInput& input);

// The name with its layer's number replaced.
std::string with_layer(std::string_view name, const ViewTensor& tensor, std::uint64_t layer);

}  // namespace shardwright
