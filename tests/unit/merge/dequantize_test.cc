#include "merge/dequantize.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/memory_folder.h"

namespace shardwright {
namespace {

constexpr std::array<std::uint64_t, 2> kBlockShape = {3, 4};

// Weights that are all 1 or -2, and scales that count from 1 up.
class Fp8Weight {
 public:
  Fp8Weight(Shape shape, Shape scale_shape)
      : shape_(std::move(shape)), scale_shape_(std::move(scale_shape)) {
    std::string codes;
    for (std::uint64_t i = 0; i < *element_count(shape_); ++i)
      codes += i % 3 == 0 ? '\xc0' : '\x38';
    std::string scales;
    for (std::uint64_t i = 0; i < *element_count(scale_shape_); ++i) {
      const auto value = static_cast<float>(i + 1);
      scales.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    folder_.add_file("codes", std::move(codes));
    folder_.add_file("scales", std::move(scales));
    codes_ = *folder_.open("codes");
    scales_ = *folder_.open("scales");
  }

  [[nodiscard]] DequantizedSource source() const {
    return {tensor(*codes_, DType::kF8E4M3, shape_), tensor(*scales_, DType::kF32, scale_shape_),
            kBlockShape};
  }

  [[nodiscard]] std::vector<float> expected() const {
    const std::uint64_t rows = shape_[shape_.size() - 2];
    const std::uint64_t columns = shape_.back();
    const std::uint64_t scale_rows = scale_shape_[scale_shape_.size() - 2];
    std::vector<float> all;
    for (std::uint64_t i = 0; i < *element_count(shape_); ++i) {
      const std::uint64_t row = i / columns % rows;
      const std::uint64_t matrix = i / columns / rows;
      const std::uint64_t scale =
          (matrix * scale_rows + row / kBlockShape[0]) * scale_shape_.back() +
          i % columns / kBlockShape[1];
      all.push_back((i % 3 == 0 ? -2.0F : 1.0F) * static_cast<float>(scale + 1));
    }
    return all;
  }

 private:
  static Tensor tensor(const ByteSource& source, DType dtype, const Shape& shape) {
    return {.name = "x",
            .shape = shape,
            .dtype = dtype,
            .source = &source,
            .bytes = source.size(),
            .readable = true};
  }

  Shape shape_;
  Shape scale_shape_;
  test::MemoryFolder folder_;
  std::unique_ptr<ByteSource> codes_, scales_;
};

TEST_CASE("dequantize: every element has the scale of its block, from any byte to any byte") {
  const Fp8Weight weights[] = {
      {{6, 8}, {2, 2}},         // whole blocks
      {{7, 9}, {3, 3}},         // a rest of one at both edges
      {{2, 3}, {1, 1}},         // less than one
      {{3, 4, 10}, {3, 2, 3}},  // experts in one tensor, with a rest each
      {{1, 40'000}, {1, 10'000}}, {{40'000, 1}, {13'334, 1}},
  };
  std::mt19937 random(3);
  for (const Fp8Weight& weight : weights) {
    const DequantizedSource source = weight.source();
    const std::vector<float> expected = weight.expected();
    const Bytes wanted = std::as_bytes(std::span(expected));
    REQUIRE(source.size() == wanted.size());
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t from = i == 0 ? 0 : random() % (wanted.size() + 1);
      const std::uint64_t bytes = i == 0 ? wanted.size() : random() % (wanted.size() - from + 1);
      std::vector<std::byte> read(bytes);
      REQUIRE(source.read(from, read));
      CHECK(std::ranges::equal(read, wanted.subspan(from, bytes)));
    }
    std::vector<std::byte> past(4);
    CHECK_FALSE(source.read(wanted.size() - 3, past));
    CHECK_FALSE(source.read(~std::uint64_t{0}, past));
  }
}

}  // namespace
}  // namespace shardwright
