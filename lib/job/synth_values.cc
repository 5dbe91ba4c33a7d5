#include "job/synth_values.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tensor/convert.h"

namespace shardwright {
namespace {

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a counter in, 64 good bits out.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D0'49BB'1331'11EBU;
  return x ^ (x >> 31U);
}

std::uint64_t bits_at(std::uint64_t key, std::uint64_t index) {
  return mix(key + index * 0x9E37'79B9'7F4A'7C15U);
}

// The sum of four uniform numbers of 16 bits has mean 131070 and deviation 65536 / sqrt(3).
float bell(std::uint64_t bits, float deviation) {
  const std::uint64_t sum =
      (bits & 0xFFFFU) + (bits >> 16U & 0xFFFFU) + (bits >> 32U & 0xFFFFU) + (bits >> 48U);
  return static_cast<float>(static_cast<std::int32_t>(sum) - 131070) *
         (deviation * 1.7320508F / 65536.0F);
}

float value_at(const ValueStream& stream, std::uint64_t index) {
  const std::uint64_t bits = bits_at(stream.key, index);
  switch (stream.kind) {
    case ValueKind::kWeight:
      return bell(bits, 0.02F);
    case ValueKind::kNorm:
      return 1.0F + bell(bits, 0.02F);
    case ValueKind::kScale:
      return 0.0005F + 0.001F * static_cast<float>(bits >> 40U) / 16777216.0F;
  }
  return 0.0F;
}

// Elements of type T one after the other; the first and last may be cut.
template <typename T, typename Make>
void fill(std::uint64_t from, MutableBytes into, Make make) {
  std::uint64_t index = from / sizeof(T);
  std::size_t skip = from % sizeof(T);
  for (std::size_t at = 0; at < into.size(); ++index) {
    const T element = make(index);
    const std::size_t bytes = std::min(sizeof(T) - skip, into.size() - at);
    std::memcpy(into.data() + at, reinterpret_cast<const std::byte*>(&element) + skip, bytes);
    at += bytes;
    skip = 0;
  }
}

}  // namespace

std::uint64_t value_key(std::uint64_t seed, std::string_view tensor) {
  std::uint64_t hash = 0xCBF2'9CE4'8422'2325U;  // FNV-1a
  for (const char c : tensor) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3U;
  }
  return mix(hash ^ mix(seed + 1));
}

void fill_values(const ValueStream& stream, std::uint64_t from, MutableBytes into) {
  switch (stream.dtype) {
    case DType::kF32:
      fill<float>(from, into, [&](std::uint64_t i) { return value_at(stream, i); });
      break;
    case DType::kF16:
      fill<std::uint16_t>(from, into,
                          [&](std::uint64_t i) { return f16_from_f32(value_at(stream, i)); });
      break;
    case DType::kBF16:
      fill<std::uint16_t>(from, into,
                          [&](std::uint64_t i) { return bf16_from_f32(value_at(stream, i)); });
      break;
    default:
      fill<std::uint8_t>(from, into, [&](std::uint64_t i) {
        const auto bits = static_cast<std::uint8_t>(bits_at(stream.key, i) >> 56U);
        return (bits & 0x7FU) == 0x7FU ? static_cast<std::uint8_t>(bits - 1U) : bits;
      });
  }
}

}  // namespace shardwright
