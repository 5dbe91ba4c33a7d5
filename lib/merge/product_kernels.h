// The product of two small matrices, on the widest vectors that this machine has.
#pragma once

#include <cstddef>

namespace shardwright::kernel {

// A matrix of floats in memory: row after row, `stride` floats apart.
struct Panel {
  const float* data{};
  std::size_t stride{};
};

// to[i][j] += the sum over k of left[i][k] * right[k][j], for `rows` x `columns` elements whose
// rows are `stride` floats apart: one product after the other in the order of k, each added in one
// rounding. So the bits depend neither on the machine nor on how the rows and columns are cut.
void add_product(Panel left, Panel right, std::size_t rows, std::size_t rank, std::size_t columns,
                 float* to, std::size_t stride);

}  // namespace shardwright::kernel
