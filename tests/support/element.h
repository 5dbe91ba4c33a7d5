// Elements as bytes, for fixtures: an encoder of its own, so that tests do not ask the code that
// they test.
#pragma once

#include <cstdint>
#include <string>

#include "shardwright/dtype.h"

namespace shardwright::test {

// The bits of `value` in a dtype of whole bytes, rounded to nearest even; beyond the range
// infinity, or NaN where the dtype has no infinity. Integers wrap; BOOL is value != 0. C64 has a
// real part only. Throws for dtypes below a byte.
std::uint64_t element_bits(DType dtype, double value);

// `count` elements of one of the fills "zero", "one", "iota" (0, 1, 2...), "nan", "inf",
// "random:SEED" (floats in [-1, 1), integers of all bits). Dtypes below a byte get the bytes 0, 1,
// 2... for "iota" and know "zero" and "random" besides. "rows:3,0,3" is that many rows, each by its
// own seed, and for the seed 0 zero. Throws for an unknown fill.
std::string fill_bytes(DType dtype, std::uint64_t count, const std::string& fill);

}  // namespace shardwright::test
