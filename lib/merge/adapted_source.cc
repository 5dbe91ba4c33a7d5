#include "merge/adapted_source.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/try.h"
#include "merge/computed.h"
#include "merge/kernels.h"
#include "merge/read_floats.h"

namespace shardwright {
namespace {

// Elements that are computed at once.
constexpr std::size_t kPiece = 32U << 10U;
// Blocks of the factors: whole for ordinary adapters, and no larger for any.
constexpr std::size_t kBlockRows = 512;
constexpr std::size_t kBlockRank = 64;
constexpr std::size_t kBlockColumns = 16U << 10U;

Status read_elements(const Tensor& tensor, std::uint64_t first, std::size_t count, float* to) {
  std::vector<std::byte> raw;
  return read_floats(tensor, first, {to, count}, raw);
}

// The end of the run of whole blocks of `size` that `at` lies in, no more than `end`.
std::uint64_t block_end(std::uint64_t at, std::uint64_t size, std::uint64_t end) {
  return std::min(end, (at / size + 1) * size);
}

}  // namespace

AdaptedSource::AdaptedSource(AdaptedTensor adapted, std::shared_ptr<FactorCache> cache)
    : adapted_(std::move(adapted)),
      cache_(std::move(cache)),
      elements_(element_count(adapted_.base.shape).value_or(0)) {}

std::uint64_t AdaptedSource::size() const {
  return elements_ * sizeof(float);
}

Status AdaptedSource::read(std::uint64_t offset, MutableBytes into) const {
  return read_computed(elements_, offset, into,
                       [this](std::uint64_t first, std::size_t count, float* to) {
                         return compute(first, count, to, true);
                       });
}

Status AdaptedSource::compute(std::uint64_t first, std::size_t count, float* to,
                              bool scaled) const {
  SW_TRY_OK(read_elements(adapted_.base, first, count, to));
  if (adapted_.patch) SW_TRY_OK(put_rows(first, count, to));
  std::vector<float> delta;
  for (const LowRank& product : adapted_.products) {
    const std::uint64_t begin = product.first_row * adapted_.columns;
    const std::uint64_t end = begin + product.left.rows * adapted_.columns;
    if (end <= first || begin >= first + count) continue;
    delta.assign(count, 0);
    SW_TRY_OK(add_low_rank(product, first, count, delta.data()));
    kernel::scale(delta.data(), product.scale, delta.data(), count);
    if (adapted_.rounds && product.rounds)
      kernel::round_to(adapted_.base.dtype, delta.data(), count);
    kernel::add(to, delta.data(), to, count);
  }
  if (adapted_.shift) {
    delta.resize(count);
    SW_TRY_OK(read_elements(*adapted_.shift, first, count, delta.data()));
    kernel::add_scaled(delta.data(), adapted_.shift_scale, to, count);
  }
  if (!scaled) return ok();
  if (adapted_.magnitude) SW_TRY_OK(scale_to_length(first, count, to));
  if (adapted_.rounds) kernel::round_to(adapted_.base.dtype, to, count);
  return ok();
}

// The rest of a row, then whole rows, then the beginning of one.
Status AdaptedSource::add_low_rank(const LowRank& product, std::uint64_t first, std::size_t count,
                                   float* delta) const {
  const std::uint64_t width = adapted_.columns;
  const std::uint64_t begin = std::max(first, product.first_row * width);
  const std::uint64_t end =
      std::min(first + count, (product.first_row + product.left.rows) * width);
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t row = at / width - product.first_row;
    const std::uint64_t column = at % width;
    const std::uint64_t rows = column == 0 ? std::max<std::uint64_t>(1, (end - at) / width) : 1;
    const std::uint64_t columns = std::min(width - column, end - at);
    SW_TRY_OK(add_block(product, row, rows, column, columns, delta + (at - first)));
    at += rows > 1 ? rows * width : columns;
  }
  return ok();
}

Status AdaptedSource::add_block(const LowRank& product, std::uint64_t row, std::size_t rows,
                                std::uint64_t column, std::size_t columns, float* to) const {
  const std::uint64_t rank = product.left.columns;
  const auto length = [](std::uint64_t whole, std::uint64_t from, std::size_t most) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(most, whole - from));
  };
  for (std::uint64_t c = column; c < column + columns;) {
    const std::uint64_t c_block = c / kBlockColumns * kBlockColumns;
    const std::uint64_t c_end = block_end(c, kBlockColumns, column + columns);
    for (std::uint64_t k = 0; k < rank; k += kBlockRank) {
      const std::size_t k_count = length(rank, k, kBlockRank);
      SW_TRY(const auto right,
             cache_->block(product.right, k, k_count, c_block,
                           length(product.right.columns, c_block, kBlockColumns)));
      for (std::uint64_t r = row; r < row + rows;) {
        const std::uint64_t r_block = r / kBlockRows * kBlockRows;
        const std::uint64_t r_end = block_end(r, kBlockRows, row + rows);
        SW_TRY(const auto left,
               cache_->block(product.left, r_block, length(product.left.rows, r_block, kBlockRows),
                             k, k_count));
        kernel::Panel panel = right->panel(0);
        panel.data += c - c_block;
        kernel::add_product(left->panel(r - r_block), panel, r_end - r, k_count, c_end - c,
                            to + (r - row) * adapted_.columns + (c - column), adapted_.columns);
        r = r_end;
      }
    }
    c = c_end;
  }
  return ok();
}

Status AdaptedSource::put_rows(std::uint64_t first, std::size_t count, float* to) const {
  const RowPatch& patch = *adapted_.patch;
  const std::uint64_t width = adapted_.columns;
  auto row = std::ranges::lower_bound(patch.rows, first / width);
  for (; row != patch.rows.end() && *row * width < first + count; ++row) {
    const std::uint64_t begin = std::max(first, *row * width);
    const std::uint64_t end = std::min(first + count, (*row + 1) * width);
    const auto index = static_cast<std::uint64_t>(row - patch.rows.begin());
    SW_TRY_OK(read_elements(patch.values, index * width + (begin - *row * width), end - begin,
                            to + (begin - first)));
  }
  return ok();
}

Status AdaptedSource::scale_to_length(std::uint64_t first, std::size_t count, float* to) const {
  std::call_once(once_, [this] { found_ = find_lengths(); });
  if (!found_) return found_;
  const std::uint64_t width = adapted_.columns;
  for (std::uint64_t at = first; at < first + count;) {
    const std::uint64_t end = block_end(at, width, first + count);
    float* part = to + (at - first);
    if (adapted_.by_column) {
      kernel::multiply(part, factors_.data() + at % width, part, end - at);
    } else {
      kernel::scale(part, factors_[at / width], part, end - at);
    }
    at = end;
  }
  return ok();
}

// One pass over the tensor, in order.
Status AdaptedSource::find_lengths() const {
  const std::uint64_t width = adapted_.columns;
  const std::uint64_t count = element_count(adapted_.magnitude->shape).value_or(0);
  std::vector<double> squares(count);
  std::vector<float> piece(std::min<std::uint64_t>(kPiece, elements_));
  for (std::uint64_t first = 0; first < elements_; first += piece.size()) {
    const std::size_t part = std::min<std::uint64_t>(piece.size(), elements_ - first);
    SW_TRY_OK(compute(first, part, piece.data(), false));
    for (std::uint64_t at = first; at < first + part;) {
      const std::uint64_t end = block_end(at, width, first + part);
      const float* values = piece.data() + (at - first);
      if (adapted_.by_column) {
        kernel::add_products(values, values, squares.data() + at % width, end - at);
      } else {
        squares[at / width] += kernel::sum_squares(values, end - at);
      }
      at = end;
    }
  }
  factors_.resize(count);
  SW_TRY_OK(read_elements(*adapted_.magnitude, 0, count, factors_.data()));
  for (std::size_t i = 0; i < count; ++i)
    factors_[i] = static_cast<float>(factors_[i] / std::sqrt(squares[i]));
  return ok();
}

}  // namespace shardwright
