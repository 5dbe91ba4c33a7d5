// The element types that the safetensors format knows, with their widths.
//
// Source: the `Dtype` enumeration of the reference implementation (safetensors 0.8.0, tensor.rs).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shardwright {

enum class DType : std::uint8_t {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};
inline constexpr std::size_t kDTypeCount = 22;

enum class DTypeClass : std::uint8_t { kBool, kInteger, kFloat, kComplex };

// The name in a header: "BF16", "F8_E4M3".
std::string_view dtype_name(DType dtype);

// The dtype of that exact name, or none.
std::optional<DType> dtype_from_name(std::string_view name);

// Width of one element in bits: 4, 6, 8, 16, 32 or 64.
std::uint32_t dtype_bits(DType dtype);

// Natural alignment in bytes: 1 for elements of a byte or less.
std::uint32_t dtype_alignment(DType dtype);

DTypeClass dtype_class(DType dtype);

}  // namespace shardwright
