// Random weights that depend on nothing but seed, name and position: any part can be made by any
// thread, in any order.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "shardwright/dtype.h"

namespace shardwright {

enum class ValueKind : std::uint8_t {
  kWeight,  // bell-shaped about 0, deviation 0.02
  kNorm,    // the same about 1
  kScale,   // uniform from 0.0005 to 0.0015
};

struct ValueStream {
  std::uint64_t key{};
  ValueKind kind{};
  DType dtype{};  // F32, F16, BF16, or F8_E4M3: any finite one
};

std::uint64_t value_key(std::uint64_t seed, std::string_view tensor);

// Fills `into` from byte `from` of the tensor.
void fill_values(const ValueStream& stream, std::uint64_t from, MutableBytes into);

}  // namespace shardwright
