// Modules that are stored plain where the same ones of other layers are quantised.
#pragma once

#include <vector>

#include "check/join.h"

namespace shardwright {

// Weights of 16 bits or more whose module is quantised in most other layers, where nothing in the
// settings names it.
std::vector<const Tensor*> plain_among_quantized(const Checkpoint& checkpoint, const Join& join);

}  // namespace shardwright
