// The factors of an adapter, read in blocks: a matrix as it lies in a stored tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "merge/product_kernels.h"
#include "shardwright/result.h"

namespace shardwright {

// Element (i, j) is element `offset + i * row_step + j * column_step` of the tensor, which is
// readable and of a dtype that kernel::decode() knows; all of them lie in it.
struct Factor {
  Tensor tensor{};
  std::uint64_t rows{}, columns{};
  std::uint64_t offset{};
  std::uint64_t row_step{}, column_step{1};
};

// A stored matrix as it is, and turned over.
Factor factor_of(const Tensor& matrix);
Factor transposed(Factor factor);

// Whether two are the same matrix, element by element.
Result<bool> same_factors(const Factor& a, const Factor& b);

// A block of a factor as floats, row after row.
struct FactorBlock {
  std::vector<float> values{};
  std::size_t columns{};  // of each row
  [[nodiscard]] kernel::Panel panel(std::size_t row) const {
    return {values.data() + row * columns, columns};
  }
};

// Blocks of factors, of which the last used are kept: many tiles of a tensor want the same. Memory
// is bounded whatever the factors' size. Thread-safe.
class FactorCache {
 public:
  static constexpr std::size_t kKept = 16U << 20U;  // floats that are kept

  // Rows [row, row + rows) and columns [column, column + columns), which lie in the factor.
  Result<std::shared_ptr<const FactorBlock>> block(const Factor& factor, std::uint64_t row,
                                                   std::size_t rows, std::uint64_t column,
                                                   std::size_t columns);

 private:
  struct Key {
    const ByteSource* source{};
    std::uint64_t first{}, row_step{}, column_step{};
    std::size_t rows{}, columns{};
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Entry {
    Key key{};
    std::shared_ptr<const FactorBlock> block{};
    std::uint64_t used{};
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;
  std::uint64_t clock_{};
  std::size_t floats_{};
};

}  // namespace shardwright
