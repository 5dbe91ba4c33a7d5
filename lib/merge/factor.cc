#include "merge/factor.h"

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "merge/read_floats.h"

namespace shardwright {
namespace {

// Reads along the direction in which elements lie closer together, so that a call gets many.
Result<FactorBlock> load_block(const Factor& factor, std::uint64_t row, std::size_t rows,
                               std::uint64_t column, std::size_t columns) {
  FactorBlock block{.values = std::vector<float>(rows * columns), .columns = columns};
  if (block.values.empty()) return block;
  const bool by_rows = factor.column_step <= factor.row_step;
  const std::uint64_t step = by_rows ? factor.column_step : factor.row_step;
  const std::uint64_t far_step = by_rows ? factor.row_step : factor.column_step;
  const std::size_t inner = by_rows ? columns : rows;
  const std::size_t outer = by_rows ? rows : columns;
  const std::uint64_t start = factor.offset + row * factor.row_step + column * factor.column_step;
  std::vector<std::byte> raw;
  if (by_rows && step == 1 && far_step == columns) {
    SW_TRY_OK(read_floats(factor.tensor, start, block.values, raw));
    return block;
  }
  std::vector<float> line((inner - 1) * step + 1);
  for (std::size_t i = 0; i < outer; ++i) {
    SW_TRY_OK(read_floats(factor.tensor, start + i * far_step, line, raw));
    for (std::size_t j = 0; j < inner; ++j)
      block.values[by_rows ? i * columns + j : j * columns + i] = line[j * step];
  }
  return block;
}

}  // namespace

Factor factor_of(const Tensor& matrix) {
  return {.tensor = matrix,
          .rows = matrix.shape[0],
          .columns = matrix.shape[1],
          .row_step = matrix.shape[1]};
}

Factor transposed(Factor factor) {
  std::swap(factor.rows, factor.columns);
  std::swap(factor.row_step, factor.column_step);
  return factor;
}

Result<bool> same_factors(const Factor& a, const Factor& b) {
  constexpr std::size_t kCut = 1024;  // rows and columns of a block
  if (a.rows != b.rows || a.columns != b.columns) return false;
  for (std::uint64_t row = 0; row < a.rows; row += kCut) {
    const std::size_t rows = std::min<std::uint64_t>(kCut, a.rows - row);
    for (std::uint64_t column = 0; column < a.columns; column += kCut) {
      const std::size_t columns = std::min<std::uint64_t>(kCut, a.columns - column);
      SW_TRY(const FactorBlock left, load_block(a, row, rows, column, columns));
      SW_TRY(const FactorBlock right, load_block(b, row, rows, column, columns));
      if (left.values != right.values) return false;
    }
  }
  return true;
}

Result<std::shared_ptr<const FactorBlock>> FactorCache::block(const Factor& factor,
                                                              std::uint64_t row, std::size_t rows,
                                                              std::uint64_t column,
                                                              std::size_t columns) {
  const Key key{.source = factor.tensor.source,
                .first = factor.tensor.offset +
                         (factor.offset + row * factor.row_step + column * factor.column_step) *
                             (dtype_bits(factor.tensor.dtype) / 8),
                .row_step = factor.row_step,
                .column_step = factor.column_step,
                .rows = rows,
                .columns = columns};
  {
    const std::scoped_lock lock(mutex_);
    const auto found = std::ranges::find(entries_, key, &Entry::key);
    if (found != entries_.end()) {
      found->used = ++clock_;
      return found->block;
    }
  }
  SW_TRY(FactorBlock loaded, load_block(factor, row, rows, column, columns));
  auto block = std::make_shared<const FactorBlock>(std::move(loaded));
  const std::scoped_lock lock(mutex_);
  floats_ += block->values.size();
  entries_.push_back({.key = key, .block = block, .used = ++clock_});
  while (floats_ > kKept && entries_.size() > 1) {
    const auto oldest = std::ranges::min_element(entries_, {}, &Entry::used);
    floats_ -= oldest->block->values.size();
    entries_.erase(oldest);
  }
  return block;
}

}  // namespace shardwright
