// Elementwise arithmetic on chunks of floats, on the widest vectors that this machine has.
//
// The same bits on every machine: no fused operation but where it is said, and sums are
// taken in sixteen lanes of double precision whatever the width of a vector, lane after lane at the
// end. All arrays are of `count` elements; source and target may be one array.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "shardwright/dtype.h"

namespace shardwright::kernel {

// --- bytes to floats and back ------------------------------------------------------------------

// Whether decode() and encode() know the dtype: F32, F16, BF16, F64, F8_E4M3, F8_E5M2.
bool is_float(DType dtype);
// bytes.size() / width elements. F64 is rounded to the nearest float. A NaN stays one; bits of F32
// are not touched.
void decode(DType dtype, Bytes bytes, float* to);
// Rounded to the nearest, ties to even. F8: finite numbers become the nearest that is finite;
// F8_E4M3 has no infinity: it becomes NaN. NaN becomes a quiet one.
void encode(DType dtype, const float* from, std::size_t count, std::byte* to);
// Each value becomes the nearest of that dtype, as encode() has it.
void round_to(DType dtype, float* values, std::size_t count);
inline float rounded_to(DType dtype, float value) {
  round_to(dtype, &value, 1);
  return value;
}

// --- elementwise -------------------------------------------------------------------------------

void add(const float* a, const float* b, float* to, std::size_t count);       // a + b
void subtract(const float* a, const float* b, float* to, std::size_t count);  // a - b
void multiply(const float* a, const float* b, float* to, std::size_t count);  // a * b
void divide(const float* a, const float* b, float* to, std::size_t count);    // a / b
void scale(const float* a, float factor, float* to, std::size_t count);       // a * factor
void divide_by(const float* a, float divisor, float* to, std::size_t count);  // a / divisor
// to + a * factor in two roundings, as plain arithmetic has it.
void add_scaled(const float* a, float factor, float* to, std::size_t count);
// The sum of inputs[i] * factors[i] from the first on, each product added in one rounding.
void weighted_sum(std::span<const float* const> inputs, std::span<const float> factors, float* to,
                  std::size_t count);
// a * x + b * y, each product rounded.
void blend(const float* a, float x, const float* b, float y, float* to, std::size_t count);

void absolute(const float* a, float* to, std::size_t count);                // |a|
void divide_into(float x, const float* a, float* to, std::size_t count);    // x / a
void subtract_from(float x, const float* a, float* to, std::size_t count);  // x - a
void at_least(const float* a, float least, float* to, std::size_t count);   // a, no less
void at_most(const float* a, float most, float* to, std::size_t count);     // a, no more
void above(const float* a, float threshold, float* to, std::size_t count);  // 1: |a| > threshold
// yes where a >= threshold, else no; NaN where a is NaN.
void choose_not_below(const float* a, float threshold, const float* yes, const float* no, float* to,
                      std::size_t count);

// --- sums, in double precision -----------------------------------------------------------------

double sum(const float* a, std::size_t count);
double sum_abs(const float* a, std::size_t count);
double sum_squares(const float* a, std::size_t count);
double dot(const float* a, const float* b, std::size_t count);

// What two vectors say of each other, in one look.
struct Products {
  double aa{}, ab{}, bb{};
};
Products products(const float* a, const float* b, std::size_t count);
// to[i] + a[i] * b[i], each sum for itself.
void add_products(const float* a, const float* b, double* to, std::size_t count);

}  // namespace shardwright::kernel
