// Random numbers that belong to elements: which thread or chunk asks makes no difference.
//
// Ours are of Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2,
// 3; 2011), a function of a key and a counter. The number of an element has 32 bits, of which the
// upper half decides nearly always; so that one block serves eight elements, and another, for the
// lower half, is computed for one element in 65,536.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace shardwright {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key);

// The numbers of one input of one tensor.
struct RandomKey {
  std::array<std::uint32_t, 2> key{};
  std::array<std::uint32_t, 2> stream{};
};
RandomKey random_key(std::uint64_t seed, std::string_view tensor, std::size_t input);

std::uint32_t random_number(const RandomKey& key, std::uint64_t element);

// A probability as a number: what is below it happens. 1 is the nearest below.
std::uint32_t chance_of(double probability);

// Puts zeros where an element's number is not below its chance.
void keep_chance(const RandomKey& key, std::uint64_t first, std::span<float> values,
                 std::uint32_t chance);

// What torch's generator on the processor gives after manual_seed(): MT19937, one number after the
// other. Any place of it can be had, from any thread; going on from where a thread was is quick.
class TorchNumbers {
 public:
  // One for all that ask for the same seed while any holds it.
  static std::shared_ptr<TorchNumbers> of(std::uint64_t seed);
  virtual ~TorchNumbers() = default;

  virtual void read(std::uint64_t place, std::span<std::uint32_t> numbers) = 0;
};

// torch.bernoulli: puts zeros where the lower 24 bits of a number, as a fraction, are not below the
// chance.
void keep_torch(std::span<const std::uint32_t> numbers, std::span<float> values, float chance);

}  // namespace shardwright
