#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/product_kernels.cc"
#include "merge/product_kernels.h"

#include <cmath>

#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "merge/fused-inl.h"

HWY_BEFORE_NAMESPACE();
namespace shardwright::kernel::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Columns from `at` on of kRows rows, as far as they fill whole vectors: the sums of two vectors of
// each row stay in registers over all of k.
template <std::size_t kRows, typename D>
HWY_INLINE std::size_t add_rows(D tag, Panel left, Panel right, std::size_t rank, std::size_t at,
                                std::size_t columns, float* to, std::size_t stride) {
  const std::size_t lanes = hn::Lanes(tag);
  for (; at + 2 * lanes <= columns; at += 2 * lanes) {
    // Arrays of vectors are not allowed where their size is known at run time only.
    auto load = [&](std::size_t row, std::size_t half) {
      return hn::LoadU(tag, to + row * stride + at + half * lanes);
    };
    auto a0 = load(0, 0);
    auto a1 = load(0, 1);
    auto b0 = a0;
    auto b1 = a1;
    auto c0 = a0;
    auto c1 = a1;
    auto d0 = a0;
    auto d1 = a1;
    if constexpr (kRows > 1) {
      b0 = load(1, 0), b1 = load(1, 1);
      c0 = load(2, 0), c1 = load(2, 1);
      d0 = load(3, 0), d1 = load(3, 1);
    }
    for (std::size_t k = 0; k < rank; ++k) {
      const float* row = right.data + k * right.stride + at;
      const auto x0 = hn::LoadU(tag, row);
      const auto x1 = hn::LoadU(tag, row + lanes);
      const float* factor = left.data + k;
      auto f = hn::Set(tag, factor[0]);
      a0 = fused(tag, x0, f, a0);
      a1 = fused(tag, x1, f, a1);
      if constexpr (kRows > 1) {
        f = hn::Set(tag, factor[left.stride]);
        b0 = fused(tag, x0, f, b0);
        b1 = fused(tag, x1, f, b1);
        f = hn::Set(tag, factor[2 * left.stride]);
        c0 = fused(tag, x0, f, c0);
        c1 = fused(tag, x1, f, c1);
        f = hn::Set(tag, factor[3 * left.stride]);
        d0 = fused(tag, x0, f, d0);
        d1 = fused(tag, x1, f, d1);
      }
    }
    auto store = [&](auto v, std::size_t row, std::size_t half) {
      hn::StoreU(v, tag, to + row * stride + at + half * lanes);
    };
    store(a0, 0, 0), store(a1, 0, 1);
    if constexpr (kRows > 1) {
      store(b0, 1, 0), store(b1, 1, 1);
      store(c0, 2, 0), store(c1, 2, 1);
      store(d0, 3, 0), store(d1, 3, 1);
    }
  }
  return at;
}

template <std::size_t kRows>
void add_band(Panel left, Panel right, std::size_t rank, std::size_t columns, float* to,
              std::size_t stride) {
  const std::size_t at =
      add_rows<kRows>(hn::ScalableTag<float>(), left, right, rank, 0, columns, to, stride);
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t j = at; j < columns; ++j) {
      float sum = to[row * stride + j];
      for (std::size_t k = 0; k < rank; ++k)
        sum = std::fma(right.data[k * right.stride + j], left.data[row * left.stride + k], sum);
      to[row * stride + j] = sum;
    }
  }
}

void add_product_kernel(Panel left, Panel right, std::size_t rows, std::size_t rank,
                        std::size_t columns, float* to, std::size_t stride) {
  std::size_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    add_band<4>({left.data + row * left.stride, left.stride}, right, rank, columns,
                to + row * stride, stride);
  }
  for (; row < rows; ++row) {
    add_band<1>({left.data + row * left.stride, left.stride}, right, rank, columns,
                to + row * stride, stride);
  }
}

}  // namespace
}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright::kernel {

HWY_EXPORT(add_product_kernel);

void add_product(Panel left, Panel right, std::size_t rows, std::size_t rank, std::size_t columns,
                 float* to, std::size_t stride) {
  HWY_DYNAMIC_DISPATCH(add_product_kernel)(left, right, rows, rank, columns, to, stride);
}

}  // namespace shardwright::kernel
#endif
