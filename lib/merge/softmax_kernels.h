// How far two vectors lie apart as distributions.
#pragma once

#include <cstddef>

namespace shardwright::kernel {

// The sum of p ln(p / q), where p and q are the softmax of x and of base, with `floor` added to
// each element. In double precision, the same bits on every machine.
double divergence(const float* x, const float* base, double floor, std::size_t count);

// The same in parts, for rows that are too long to be held: the largest element, then the sum of
// e^(x - largest), then the sum of p ln(p / q) over a part.
struct Softmax {
  double largest{};
  double share{};  // 1 / the sum
};
float largest(const float* x, std::size_t count);
double exponential_sum(const float* x, double largest, std::size_t count);
// The softmax itself, in floats: differences, exponentials and shares are rounded each.
void softmax(const float* x, const Softmax& p, float* to, std::size_t count);
// The natural logarithm, in one rounding of double precision.
void logarithm(const float* a, float* to, std::size_t count);
double divergence_part(const float* x, const Softmax& p, const float* base, const Softmax& q,
                       double floor, std::size_t count);

}  // namespace shardwright::kernel
