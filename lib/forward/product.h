// Products of fp32 matrices, by oneDNN.
#pragma once

#include <cstddef>

#include "shardwright/result.h"

namespace shardwright {

// c = factor * a * b, or a * b' where b is stored by its columns. All are stored by rows; a stride
// counts elements from one row to the next.
struct Product {
  std::size_t rows{}, columns{}, inner{};  // c is [rows, columns]
  const float* a{};                        // [rows, inner]
  std::size_t a_stride{};
  const float* b{};  // [inner, columns], or [columns, inner] where it is transposed
  std::size_t b_stride{};
  bool b_transposed{};
  float factor = 1;
  float* c{};
  std::size_t c_stride{};
};

// Loads the library, the first time: a command that multiplies nothing is not to wait for it.
// kUnsupported where this machine has none, or one that would not compute as it is told.
Status load_products();

// One product in the thread that calls, so that no result depends on how many threads there are.
// After load_products() alone.
void multiply(const Product& product);

}  // namespace shardwright
