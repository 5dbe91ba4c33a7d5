// The config of a result: that of the donor, with the values changed that the merge changes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "merge/plan.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"

namespace shardwright {

// Where a layer of the result comes from, for lists that have an element a layer.
struct LayerOrigin {
  std::size_t input{};
  std::uint64_t layer{};
};

// The layers of a stack ("model.visual.blocks.") where the result's are not the donor's.
struct StackLayers {
  std::string_view stack{};
  bool is_main{};         // the rule counts these layers, and its lists are of them
  std::uint64_t depth{};  // of the donor; 0: it has no such stack
  std::vector<LayerOrigin> layers{};
};

// The donor's text with dtype, numbers of layers, lists per layer and tie flag as the plan has
// them; every other byte is kept. kUnsupported where no key is known to count the layers of a
// stack.
Result<std::string> config_of(const MergePlan& plan, std::span<const MergeInput> inputs,
                              std::span<const StackLayers> stacks);

// "bfloat16" and "torch.bfloat16" as recipes and configs write them; none for anything else.
std::optional<DType> dtype_of_recipe(std::string_view name);
// "bfloat16" of BF16; empty where no config names it.
std::string_view config_name_of(DType dtype);

// The dtype that holds all of them: that of all, or else F32, or F64 where one of them is.
DType promoted(std::span<const DType> dtypes);

}  // namespace shardwright
