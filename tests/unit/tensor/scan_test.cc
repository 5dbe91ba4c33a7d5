#include "tensor/scan.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <doctest/doctest.h>
#include <hwy/highway.h>

namespace shardwright {
namespace {

using Buffer = std::vector<std::byte>;

std::uint32_t width(DType dtype) {
  return dtype_bits(dtype) < 8 ? 1 : dtype_bits(dtype) / 8;
}

void put(Buffer& buffer, std::uint64_t bits, std::uint32_t bytes) {
  const std::size_t at = buffer.size();
  buffer.resize(at + bytes);
  std::memcpy(buffer.data() + at, &bits, bytes);
}

Buffer repeat(std::uint64_t bits, std::uint32_t bytes, std::size_t count) {
  Buffer buffer;
  for (std::size_t i = 0; i < count; ++i)
    put(buffer, bits, bytes);
  return buffer;
}

ScanResult whole(DType dtype, Bytes bytes) {
  ScanResult result;
  scan(dtype, bytes, result);
  return result;
}

// Both scans, whole and in pieces, misaligned and not; returns what they agree on.
ScanResult agreed(DType dtype, const Buffer& elements) {
  ScanResult expected;
  scan_scalar(dtype, elements, expected);
  Buffer shifted(elements.size() + 16);
  for (const std::size_t shift : {0U, 1U, 10U}) {
    if (!elements.empty()) std::memcpy(shifted.data() + shift, elements.data(), elements.size());
    const Bytes moved(shifted.data() + shift, elements.size());
    CHECK(whole(dtype, moved) == expected);
    for (const std::size_t piece : {1U, 7U, 515U}) {
      if (piece == 1 && elements.size() > 2000) continue;  // many calls, nothing new
      ScanResult fed;
      ScanResult joined;
      for (std::size_t at = 0; at < moved.size(); at += piece * width(dtype)) {
        const Bytes part = moved.subspan(at, std::min(piece * width(dtype), moved.size() - at));
        scan(dtype, part, fed);
        append(joined, whole(dtype, part));
      }
      CHECK(fed == expected);
      CHECK(joined == expected);
    }
  }
  return expected;
}

// Bits at and around every border of the formats.
std::uint64_t interesting(std::mt19937_64& random, std::uint32_t bytes) {
  static constexpr std::array<std::uint64_t, 22> kBorders = {
      0x0000, 0x8000, 0x7F80, 0xFF80, 0x7F81, 0x7F7F, 0x7C00, 0xFC00, 0x7C01, 0x7BFF, 0x7FFF,
      0xFFFF, 0x7FF0, 0xFFF0, 0x7FEF, 0x007F, 0x0080, 0x00FF, 0x007C, 0x00FC, 0x007B, 0x00FE};
  const auto border = [&] { return kBorders.at(random() % kBorders.size()); };
  switch (random() % 4) {
    case 0:
      return random();
    case 1:
      return border();
    case 2:
      return border() << (8U * bytes - (bytes > 1 ? 16U : 8U));
    default:
      return (border() << 48U) | (border() << 32U) | (border() << 16U) | border();
  }
}

}  // namespace

TEST_CASE("tensor: a scan counts the special patterns of every narrow float") {
  struct Row {
    DType dtype;
    std::uint64_t nan, infinite, first_bad;
  };
  for (const Row& row : {Row{DType::kF8E4M3, 2, 0, 0x7F}, Row{DType::kF8E5M2, 6, 2, 0x7C},
                         Row{DType::kF8E8M0, 1, 0, 0xFF}, Row{DType::kF8E4M3Fnuz, 1, 0, 0x80},
                         Row{DType::kF8E5M2Fnuz, 1, 0, 0x80}, Row{DType::kF16, 2046, 2, 0x7C00},
                         Row{DType::kBF16, 254, 2, 0x7F80}}) {
    CAPTURE(dtype_name(row.dtype));
    Buffer all;
    for (std::uint64_t bits = 0; bits < (1ULL << dtype_bits(row.dtype)); ++bits)
      put(all, bits, width(row.dtype));
    const ScanResult result = agreed(row.dtype, all);
    CHECK(result.elements == 1ULL << dtype_bits(row.dtype));
    CHECK(result.nan == row.nan);
    CHECK(result.infinite == row.infinite);
    CHECK(result.first_bad == row.first_bad);
    CHECK_FALSE(result.constant);
    CHECK_FALSE(result.zero);
    CHECK_FALSE(result.unscanned);
  }
}

TEST_CASE("tensor: a scan knows wide floats by their bits") {
  struct Row {
    DType dtype;
    std::uint64_t bits;
    bool nan, infinite;
  };
  constexpr std::uint64_t kOne = 0x3F80'0000;
  for (const Row& row :
       {Row{DType::kF32, 0x7F80'0000, false, true}, Row{DType::kF32, 0xFF80'0000, false, true},
        Row{DType::kF32, 0x7F80'0001, true, false}, Row{DType::kF32, 0xFFC0'0000, true, false},
        Row{DType::kF32, 0x7F7F'FFFF, false, false},
        Row{DType::kF64, 0x7FF0'0000'0000'0000, false, true},
        Row{DType::kF64, 0xFFF0'0000'0000'0000, false, true},
        Row{DType::kF64, 0x7FF0'0000'0000'0001, true, false},
        Row{DType::kF64, 0x7FEF'FFFF'FFFF'FFFF, false, false},
        Row{DType::kC64, kOne | 0x7FC0'0000ULL << 32U, true, false},
        Row{DType::kC64, 0xFF80'0000 | kOne << 32U, false, true},
        Row{DType::kC64, 0x7F80'0000 | 0x7F80'0001ULL << 32U, true, false},
        Row{DType::kC64, kOne | kOne << 32U, false, false},
        Row{DType::kI32, 0x7FC0'0000, false, false}, Row{DType::kU64, ~0ULL, false, false}}) {
    CAPTURE(dtype_name(row.dtype));
    CAPTURE(row.bits);
    for (const std::size_t place : {0U, 1U, 37U, 2999U}) {
      Buffer buffer = repeat(kOne, width(row.dtype), 3000);
      std::memcpy(buffer.data() + place * width(row.dtype), &row.bits, width(row.dtype));
      const ScanResult result = agreed(row.dtype, buffer);
      CHECK(result.nan == (row.nan ? 1U : 0U));
      CHECK(result.infinite == (row.infinite ? 1U : 0U));
      CHECK(result.first_bad == (row.nan || row.infinite ? place : 0U));
      CHECK_FALSE(result.constant);
    }
  }
}

TEST_CASE("tensor: a scan tells constant and zero tensors") {
  for (std::size_t i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    CAPTURE(dtype_name(dtype));
    const std::uint32_t bytes = width(dtype);
    const std::uint64_t sign = 1ULL << (8U * bytes - 1);
    const bool has_sign = dtype == DType::kF8E4M3 || dtype == DType::kF8E5M2 ||
                          dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kF32 ||
                          dtype == DType::kF64 || dtype == DType::kC64;

    ScanResult result = agreed(dtype, repeat(0, bytes, 777));
    CHECK(result.constant);
    CHECK(result.zero == (dtype != DType::kF8E8M0));
    CHECK(result.elements == 777);
    CHECK(result.unscanned == (dtype_bits(dtype) < 8));

    result = agreed(dtype, repeat(3, bytes, 777));
    CHECK(result.constant);
    CHECK_FALSE(result.zero);
    CHECK(result.first_bits == 3);

    Buffer mixed = repeat(0, bytes, 777);
    std::memcpy(mixed.data() + 776 * bytes, &sign, bytes);
    result = agreed(dtype, mixed);
    CHECK_FALSE(result.constant);
    CHECK(result.zero == has_sign);
  }
  CHECK(whole(DType::kF32, {}) == ScanResult{});
}

TEST_CASE("tensor: all vector widths of this machine scan as scalars do") {
  std::mt19937_64 random(7);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    CAPTURE(hwy::TargetName(target));
    hwy::GetChosenTarget().Update(target);
    for (std::size_t i = 0; i < kDTypeCount; ++i) {
      const auto dtype = static_cast<DType>(i);
      CAPTURE(dtype_name(dtype));
      for (const std::size_t count : {1U, 2U, 15U, 16U, 17U, 63U, 129U, 1000U, 9001U}) {
        // Rare, then frequent specials among one repeated value, then nothing but specials.
        for (const std::uint64_t rarity : {2000U, 20U, 1U}) {
          const std::uint64_t usual = random() % 2 == 0 ? 0 : 0x3C;
          Buffer buffer;
          for (std::size_t k = 0; k < count; ++k) {
            const bool special = random() % rarity == 0;
            put(buffer, special ? interesting(random, width(dtype)) : usual, width(dtype));
          }
          agreed(dtype, buffer);
        }
      }
    }
  }
  hwy::GetChosenTarget().DeInit();
}

}  // namespace shardwright
