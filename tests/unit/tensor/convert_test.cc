#include "tensor/convert.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "support/element.h"

namespace shardwright {

TEST_CASE("tensor: floats are narrowed to the nearest, ties to even") {
  std::mt19937 random(3);
  std::vector<float> values = {0.0F,     -0.0F,          1.0F,      -1.0F,    65504.0F,
                               65519.0F, 65520.0F,       65536.0F,  1e30F,    -1e30F,
                               6.1e-5F,  5.96e-8F,       2.98e-8F,  2.99e-8F, 6.09756e-5F,
                               0.02F,    1.00048828125F, 3.389e38F, 3.40e38F, 1.00146484375F,
                               1e-40F,   1.00390625F};
  values.push_back(std::numeric_limits<float>::infinity());
  values.push_back(-std::numeric_limits<float>::infinity());
  for (int i = 0; i < 200'000; ++i) {
    // Half of them within the range of F16, where its subnormal numbers lie too.
    const auto exponent = i % 2 == 0 ? random() % 255 : 100 + random() % 45;
    values.push_back(std::bit_cast<float>(
        static_cast<std::uint32_t>((random() & 0x807F'FFFFU) | (exponent << 23U))));
  }
  std::size_t wrong = 0;
  for (const float value : values) {
    if (bf16_from_f32(value) != test::element_bits(DType::kBF16, value)) ++wrong;
    if (f16_from_f32(value) != test::element_bits(DType::kF16, value)) ++wrong;
  }
  CHECK(wrong == 0);

  for (const std::uint32_t nan : {0x7F80'0001U, 0xFFC0'0000U, 0x7FFF'FFFFU}) {
    CHECK((bf16_from_f32(std::bit_cast<float>(nan)) & 0x7FFFU) > 0x7F80U);
    CHECK((f16_from_f32(std::bit_cast<float>(nan)) & 0x7FFFU) > 0x7C00U);
  }
}

TEST_CASE("tensor: every F16 becomes the wider number that it is") {
  CHECK(f64_from_f16(0x3C00) == 1.0);
  CHECK(f64_from_f16(0xC000) == -2.0);
  CHECK(f64_from_f16(0x0001) == 0x1p-24);
  CHECK(f64_from_f16(0x7BFF) == 65504.0);
  CHECK(std::signbit(f64_from_f16(0x8000)));
  CHECK(f64_from_f16(0xFC00) == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(f64_from_f16(0x7E01)));
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const double wide = f64_from_f16(half);
    if (!std::isnan(wide)) CHECK(f16_from_f32(static_cast<float>(wide)) == half);
  }
}

}  // namespace shardwright
