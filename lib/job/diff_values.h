// The distance between the elements of two runs of bytes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "shardwright/dtype.h"

namespace shardwright {

// Whether elements of the dtype are numbers that can be told apart: floats that decode() knows,
// integers and BOOL.
bool has_values(DType dtype);

// What is known of some elements, and of more with each call.
struct ValueSums {
  std::uint64_t different{};   // elements of another value; NaN is the value of a NaN
  std::uint64_t not_finite{};  // of these, where one of both is NaN or infinite
  double largest{};            // |a - b| of all others
  std::uint64_t at{};          // the element of the largest, the first of several
  double sum{};                // of |a - b|
};

// Adds elements [first, first + count) of two tensors, whose bytes these are. Floats of up to four
// bytes are subtracted in fp32, wider ones and integers as long double has them.
class ValueComparer {
 public:
  ValueComparer(DType a, DType b) : a_(a), b_(b) {}
  void add(std::uint64_t first, Bytes a, Bytes b, ValueSums& into);

 private:
  void add_floats(std::uint64_t first, Bytes a, Bytes b, ValueSums& into);
  void add_wide(std::uint64_t first, Bytes a, Bytes b, ValueSums& into);

  DType a_, b_;
  std::array<std::vector<float>, 2> floats_;
  std::array<std::vector<long double>, 2> wide_;
};

// Adds what was seen of later elements.
void append(ValueSums& sums, const ValueSums& next);

}  // namespace shardwright
