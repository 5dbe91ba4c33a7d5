// Counting and cutting chunks of floats by magnitude.
//
// The key of a value is its bits without the sign, as a whole number: keys are ordered as
// magnitudes are, and NaN comes after infinity.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace shardwright::kernel {

inline std::uint32_t magnitude_key(float value) {
  return std::bit_cast<std::uint32_t>(value) & 0x7FFF'FFFFU;
}

// Each upper half of a key is counted in one of two neighbouring counters, since counting one value
// again and again in one place waits for the memory each time.
inline constexpr std::size_t kUpperCounts = std::size_t{2} << 15U;
inline constexpr std::size_t kLowerCounts = std::size_t{1} << 16U;

// Adds 1 to counts[2 * upper] or the one after it, for each value. Returns how many are not zero.
std::uint64_t count_upper(const float* values, std::size_t count, std::uint64_t* counts);
// Adds 1 to counts[lower half of the key] for each value whose upper half is `upper`.
void count_lower(const float* values, std::size_t count, std::uint32_t upper,
                 std::uint64_t* counts);
// How many have this key.
std::uint64_t count_equal(const float* values, std::size_t count, std::uint32_t key);

// Zero for those below `least`, or for those that are not.
void keep_from(float* values, std::size_t count, std::uint32_t least);
void keep_below(float* values, std::size_t count, std::uint32_t least);
// Zero where `mask` is zero.
void keep_where(float* values, const float* mask, std::size_t count);

}  // namespace shardwright::kernel
