// The numbers of random.h for many elements at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "merge/random.h"

namespace shardwright::kernel {

// Elements that share sixteen blocks of the generator. Element e of a group has half e % 2 of word
// e / 32 of block e % 32 / 2.
inline constexpr std::size_t kRandomGroup = 128;
inline constexpr std::uint32_t kLowerHalves = 0x8000'0000U;  // in the second word of the counter

// The upper halves of the numbers of elements from `first` on.
void random_upper_halves(const RandomKey& key, std::uint64_t first, std::size_t count,
                         std::uint16_t* numbers);

// Puts zeros where an element's number is not below the chance.
void keep_below_chance(const RandomKey& key, std::uint64_t first, float* values, std::size_t count,
                       std::uint32_t chance);

}  // namespace shardwright::kernel
