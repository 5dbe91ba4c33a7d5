// Elements of a stored tensor as floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "shardwright/result.h"

namespace shardwright {

// Elements [first, first + into.size()) of a tensor of a dtype that kernel::decode() knows. `raw`
// is room for their bytes: who reads often keeps it.
Status read_floats(const Tensor& from, std::uint64_t first, std::span<float> into,
                   std::vector<std::byte>& raw);

}  // namespace shardwright
