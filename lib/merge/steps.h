// Elementwise arithmetic in steps, each rounded to a dtype where one is given: the formula of a
// method is written once, for exact arithmetic and for the peer's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include "merge/kernels.h"
#include "shardwright/dtype.h"

namespace shardwright {

class Steps {
 public:
  Steps(std::optional<DType> dtype, std::size_t count) : dtype_(dtype), count_(count) {}

  void add(const float* a, const float* b, float* to) const {
    kernel::add(a, b, to, count_);
    round(to);
  }
  void subtract(const float* a, const float* b, float* to) const {
    kernel::subtract(a, b, to, count_);
    round(to);
  }
  void multiply(const float* a, const float* b, float* to) const {
    kernel::multiply(a, b, to, count_);
    round(to);
  }
  void divide(const float* a, const float* b, float* to) const {
    kernel::divide(a, b, to, count_);
    round(to);
  }
  void scale(const float* a, float factor, float* to) const {
    kernel::scale(a, factor, to, count_);
    round(to);
  }
  void divide_by(const float* a, float divisor, float* to) const {
    kernel::divide_by(a, divisor, to, count_);
    round(to);
  }
  // a + x.
  void add_number(const float* a, float x, float* to) const {
    std::transform(a, a + count_, to, [x = rounded(x)](float value) { return value + x; });
    round(to);
  }
  // x / a. The peer takes the reciprocal first where it rounds.
  void divide_into(float x, const float* a, float* to) const {
    kernel::divide_into(dtype_ ? 1 : x, a, to, count_);
    if (!dtype_) return;
    round(to);
    scale(to, x, to);
  }
  // x - a.
  void subtract_from(float x, const float* a, float* to) const {
    kernel::subtract_from(rounded(x), a, to, count_);
    round(to);
  }
  void at_least(const float* a, float least, float* to) const {
    kernel::at_least(a, rounded(least), to, count_);
  }
  void at_most(const float* a, float most, float* to) const {
    kernel::at_most(a, rounded(most), to, count_);
  }

  void round(float* values) const {
    if (dtype_) kernel::round_to(*dtype_, values, count_);
  }
  [[nodiscard]] float rounded(float value) const {
    return dtype_ ? kernel::rounded_to(*dtype_, value) : value;
  }

 private:
  std::optional<DType> dtype_;
  std::size_t count_;
};

}  // namespace shardwright
