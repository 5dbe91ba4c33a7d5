// Counts of bytes, as 64 bits from the first factor on.
#pragma once

#include <cstdint>

namespace shardwright {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;

}  // namespace shardwright
