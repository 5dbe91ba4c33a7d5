#include <cstdint>
#include <limits>

#include <doctest/doctest.h>

#include "shardwright/dtype.h"
#include "tensor/shape.h"

namespace shardwright {

TEST_CASE("tensor: every dtype is found by its name") {
  for (std::size_t i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    CHECK(dtype_from_name(dtype_name(dtype)) == dtype);
  }
  CHECK(!dtype_from_name("bfloat16"));
  CHECK(dtype_bits(DType::kF4) == 4);
  CHECK(dtype_alignment(DType::kC64) == 4);
}

TEST_CASE("tensor: sizes never wrap") {
  constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
  CHECK(element_count(Shape{}) == 1U);
  CHECK(element_count(Shape{kHuge, kHuge, 0}) == 0U);
  CHECK(!element_count(Shape{kHuge, 2}));
  CHECK(!size_in_bytes(DType::kF4, Shape{3}));
  CHECK(size_in_bytes(DType::kF4, Shape{4}) == 2U);
  CHECK(size_in_bytes(DType::kBF16, Shape{2, 3}) == 12U);
  CHECK(shape_text(Shape{1, 32}) == "[1, 32]");
}

}  // namespace shardwright
