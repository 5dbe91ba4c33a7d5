// How far two vectors lie apart as distributions.
#pragma once

#include <cstddef>

namespace shardwright::kernel {

// The sum of p ln(p / q), where p and q are the softmax of x and of base, with `floor` added to
// each element. In double precision, the same bits on every machine.
double divergence(const float* x, const float* base, double floor, std::size_t count);

}  // namespace shardwright::kernel
