// Arithmetic on numbers from files: no value instead of a wrap.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>

namespace shardwright {

inline std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

inline std::optional<std::uint64_t> checked_mul(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

template <std::integral To, std::integral From>
std::optional<To> checked_cast(From value) {
  To result = 0;
  if (__builtin_add_overflow(value, From{0}, &result)) return std::nullopt;
  return result;
}

}  // namespace shardwright
