// Modules that are stored plain where the same ones of other layers are quantised, or both ways.
#pragma once

#include <vector>

#include "check/join.h"

namespace shardwright {

// Weights of 16 bits or more whose module is quantised in most other layers, where nothing in the
// settings names it.
std::vector<const Tensor*> plain_among_quantized(const Checkpoint& checkpoint, const Join& join);

// Weights of 16 bits or more that stand beside what is stored in their place, as GPTQ, AWQ,
// compressed-tensors and torchao store it, where the config names a method. Those of experts are
// left out: transformers reads what is in their place, and says nothing.
std::vector<const Tensor*> plain_beside_quantized(const Checkpoint& checkpoint, const Join& join);

}  // namespace shardwright
