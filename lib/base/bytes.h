// Little-endian loads and stores on unaligned bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace shardwright {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

static_assert(sizeof(std::size_t) == 8, "sizes of files are used as sizes in memory");
static_assert(std::endian::native == std::endian::little,
              "the format is little-endian, and so is the code");

inline std::uint64_t load_u64(const std::byte* from) {
  std::uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline void store_u64(std::byte* to, std::uint64_t value) {
  std::memcpy(to, &value, sizeof value);
}

}  // namespace shardwright
