#include "tensor/shape.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/checked.h"

namespace shardwright {
namespace {

Shape without_ones(ShapeView shape) {
  Shape rest;
  std::ranges::copy_if(shape, std::back_inserter(rest),
                       [](std::uint64_t extent) { return extent != 1; });
  return rest;
}

}  // namespace

std::optional<std::uint64_t> element_count(ShapeView shape) {
  // A zero makes the count zero whatever the rest multiplies to: no false overflow.
  if (std::ranges::find(shape, std::uint64_t{0}) != shape.end()) return 0;
  std::uint64_t count = 1;
  for (const std::uint64_t extent : shape) {
    const auto next = checked_mul(count, extent);
    if (!next) return std::nullopt;
    count = *next;
  }
  return count;
}

std::optional<std::uint64_t> size_in_bits(DType dtype, ShapeView shape) {
  const auto count = element_count(shape);
  if (!count) return std::nullopt;
  return checked_mul(*count, dtype_bits(dtype));
}

std::optional<std::uint64_t> size_in_bytes(DType dtype, ShapeView shape) {
  const auto bits = size_in_bits(dtype, shape);
  if (!bits || *bits % 8 != 0) return std::nullopt;
  return *bits / 8;
}

bool same_shape(ShapeView a, ShapeView b) {
  return std::ranges::equal(a, b);
}

bool is_same_order(ShapeView a, ShapeView b) {
  if (element_count(a) != element_count(b)) return false;
  const Shape rest_a = without_ones(a);
  const Shape rest_b = without_ones(b);
  return rest_a == rest_b || rest_a.size() <= 1 || rest_b.size() <= 1;
}

std::string shape_text(ShapeView shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace shardwright
