// Bytes to floats and back. Compiled once for each instruction set, as tensor/scan_kernels.cc is.
//
// Every conversion is done on the bits, alike on all machines: instructions that convert exist for
// some dtypes on some machines, and Highway's truncate where they do not.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/convert_kernels.cc"
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "base/panic.h"
#include "merge/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace shardwright::kernel::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Words = hn::ScalableTag<std::uint32_t>;
constexpr std::size_t kMostLanes = HWY_MAX_BYTES / sizeof(float);

// Of a float narrower than F32: bits of the mantissa, bias of the exponent, and the codes that end
// the range: the largest that a finite number may become, infinity, and the quiet NaN.
template <int kMantissaBits, int kBias, std::uint32_t kLargest, std::uint32_t kInfinity,
          std::uint32_t kQuiet>
struct Narrow {
  static constexpr int kShift = 23 - kMantissaBits;
  static constexpr std::uint32_t kRebias = static_cast<std::uint32_t>(127 - kBias) << 23U;
  static constexpr std::uint32_t kLeastNormal = kRebias + (1U << 23U);
  static constexpr std::uint32_t kMantissa = (1U << static_cast<unsigned>(kMantissaBits)) - 1;
  // Added to a subnormal number, it moves the bits to their place and rounds them.
  static constexpr std::uint32_t kMagic =
      static_cast<std::uint32_t>((127 + 24 - kBias - kMantissaBits)) << 23U;
  static constexpr std::uint32_t kLast = kLargest, kInf = kInfinity, kNan = kQuiet;
};
using F16 = Narrow<10, 15, 0x7C00, 0x7C00, 0x7E00>;
using E5M2 = Narrow<2, 15, 0x7B, 0x7C, 0x7E>;
using E4M3 = Narrow<3, 7, 0x7E, 0x7F, 0x7F>;

constexpr std::uint32_t kMagnitude = 0x7FFF'FFFF;
constexpr std::uint32_t kInfinite = 0x7F80'0000;

using Word = hn::Vec<Words>;

HWY_INLINE Word words(std::uint32_t value) {
  return hn::Set(Words(), value);
}
// Both without their highest bit, so that the quicker comparison of signed numbers will do.
HWY_INLINE hn::Mask<Words> less(Word a, std::uint32_t b) {
  const hn::RebindToSigned<Words> tag;
  return hn::RebindMask(Words(), hn::Lt(hn::BitCast(tag, a), hn::BitCast(tag, words(b))));
}
HWY_INLINE hn::Mask<Words> is_nan(Word bits) {
  const hn::RebindToSigned<Words> tag;
  const Word magnitude = hn::And(bits, words(kMagnitude));
  return hn::RebindMask(Words(),
                        hn::Gt(hn::BitCast(tag, magnitude), hn::BitCast(tag, words(kInfinite))));
}
HWY_INLINE Word bits_of(hn::Vec<Floats> x) {
  return hn::BitCast(Words(), x);
}

template <typename T>
HWY_INLINE Word narrowed(Word bits) {
  const Word magnitude = hn::And(bits, words(kMagnitude));
  const Word odd = hn::And(hn::ShiftRight<T::kShift>(magnitude), words(1));
  const Word half = words((1U << static_cast<unsigned>(T::kShift - 1)) - 1);
  const Word rounded = hn::Add(magnitude, hn::Add(half, odd));
  const Word normal =
      hn::Min(hn::ShiftRight<T::kShift>(hn::Sub(rounded, words(T::kRebias))), words(T::kLast));
  const auto magic = hn::BitCast(Floats(), words(T::kMagic));
  const Word small =
      hn::Sub(bits_of(hn::Add(hn::BitCast(Floats(), magnitude), magic)), words(T::kMagic));
  Word code = hn::IfThenElse(less(magnitude, T::kLeastNormal), small, normal);
  code = hn::IfThenElse(hn::Eq(magnitude, words(kInfinite)), words(T::kInf), code);
  const Word payload = hn::And(hn::ShiftRight<T::kShift>(magnitude), words(T::kMantissa));
  code = hn::IfThenElse(is_nan(bits), hn::Or(words(T::kNan), payload), code);
  constexpr int kToSign = 31 - (T::kShift == 13 ? 15 : 7);
  const Word sign = hn::ShiftRight<kToSign>(hn::AndNot(words(kMagnitude), bits));
  return hn::Or(code, sign);
}

// The codes of F16, one a word, as floats.
HWY_INLINE hn::Vec<Floats> from_f16(Word code) {
  const Word sign = hn::ShiftLeft<16>(hn::And(code, words(0x8000)));
  const Word magnitude = hn::ShiftLeft<13>(hn::And(code, words(0x7FFF)));
  const Word normal = hn::Add(magnitude, words(F16::kRebias));
  // Infinity and NaN have the largest exponent on both sides.
  const Word special = hn::Add(normal, words(F16::kRebias));
  // A subnormal number is a fraction of the least normal one: put it behind its exponent, and take
  // that away again.
  const Word least = words(F16::kLeastNormal);
  const Word small = bits_of(
      hn::Sub(hn::BitCast(Floats(), hn::Add(magnitude, least)), hn::BitCast(Floats(), least)));
  Word bits = hn::IfThenElse(less(magnitude, 1U << 23U), small, normal);
  bits = hn::IfThenElse(less(magnitude, 0x7C00U << 13U), bits, special);
  return hn::BitCast(Floats(), hn::Or(bits, sign));
}

HWY_INLINE Word to_bf16(Word bits) {
  const Word odd = hn::And(hn::ShiftRight<16>(bits), words(1));
  const Word rounded = hn::Add(bits, hn::Add(words(0x7FFF), odd));
  const Word quiet = hn::Or(bits, words(0x40'0000));
  return hn::ShiftRight<16>(hn::IfThenElse(is_nan(bits), quiet, rounded));
}

// How codes of a width stand in memory.
template <typename Code>
struct Codes {
  using Tag = hn::Rebind<Code, Floats>;
  static Word load(const std::byte* from) {
    return hn::PromoteTo(Words(), hn::LoadU(Tag(), reinterpret_cast<const Code*>(from)));
  }
  static void store(Word code, std::byte* to) {
    const auto narrow = hn::DemoteTo(Tag(), hn::BitCast(hn::RebindToSigned<Words>(), code));
    hn::StoreU(narrow, Tag(), reinterpret_cast<Code*>(to));
  }
};

// to[i] = f(code i).
template <typename Code, typename F>
HWY_INLINE void decode_codes(const std::byte* from, std::size_t count, float* to, const F& f) {
  const Floats tag;
  const std::size_t lanes = hn::Lanes(tag);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes)
    hn::StoreU(f(Codes<Code>::load(from + at * sizeof(Code))), tag, to + at);
  if (at == count) return;
  std::array<std::byte, kMostLanes * sizeof(Code)> codes{};
  std::array<float, kMostLanes> floats{};
  std::memcpy(codes.data(), from + at * sizeof(Code), (count - at) * sizeof(Code));
  hn::StoreU(f(Codes<Code>::load(codes.data())), tag, floats.data());
  std::memcpy(to + at, floats.data(), (count - at) * sizeof(float));
}

// code i = f(bits of from[i]).
template <typename Code, typename F>
HWY_INLINE void encode_codes(const float* from, std::size_t count, std::byte* to, const F& f) {
  const Floats tag;
  const std::size_t lanes = hn::Lanes(tag);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes)
    Codes<Code>::store(f(bits_of(hn::LoadU(tag, from + at))), to + at * sizeof(Code));
  if (at == count) return;
  std::array<std::byte, kMostLanes * sizeof(Code)> codes{};
  std::array<float, kMostLanes> floats{};
  std::memcpy(floats.data(), from + at, (count - at) * sizeof(float));
  Codes<Code>::store(f(bits_of(hn::LoadU(tag, floats.data()))), codes.data());
  std::memcpy(to + at * sizeof(Code), codes.data(), (count - at) * sizeof(Code));
}

void decode_bf16(const std::byte* from, std::size_t count, float* to) {
  decode_codes<std::uint16_t>(
      from, count, to, [](Word code) { return hn::BitCast(Floats(), hn::ShiftLeft<16>(code)); });
}

void decode_f16(const std::byte* from, std::size_t count, float* to) {
  decode_codes<std::uint16_t>(from, count, to, [](Word code) { return from_f16(code); });
}

// F8_E5M2 is the upper half of an F16.
void decode_e5m2(const std::byte* from, std::size_t count, float* to) {
  decode_codes<std::uint8_t>(from, count, to,
                             [](Word code) { return from_f16(hn::ShiftLeft<8>(code)); });
}

// F8_E4M3 stands in an F16 with an exponent that is 8 too small; all but its NaN.
void decode_e4m3(const std::byte* from, std::size_t count, float* to) {
  decode_codes<std::uint8_t>(from, count, to, [](Word code) {
    const Word magnitude = hn::And(code, words(0x7F));
    const Word sign = hn::ShiftLeft<24>(hn::And(code, words(0x80)));
    const auto value = hn::Mul(from_f16(hn::ShiftLeft<7>(magnitude)), hn::Set(Floats(), 256.0F));
    const Word bits =
        hn::IfThenElse(hn::Eq(magnitude, words(0x7F)), words(0x7FC0'0000), bits_of(value));
    return hn::BitCast(Floats(), hn::Or(bits, sign));
  });
}

void encode_bf16(const float* from, std::size_t count, std::byte* to) {
  encode_codes<std::uint16_t>(from, count, to, [](Word bits) { return to_bf16(bits); });
}

void encode_f16(const float* from, std::size_t count, std::byte* to) {
  encode_codes<std::uint16_t>(from, count, to, [](Word bits) { return narrowed<F16>(bits); });
}

void encode_e5m2(const float* from, std::size_t count, std::byte* to) {
  encode_codes<std::uint8_t>(from, count, to, [](Word bits) { return narrowed<E5M2>(bits); });
}

void encode_e4m3(const float* from, std::size_t count, std::byte* to) {
  encode_codes<std::uint8_t>(from, count, to, [](Word bits) { return narrowed<E4M3>(bits); });
}

// In place: one code after another becomes the float that it stands for.
template <typename F>
HWY_INLINE void round_all(float* values, std::size_t count, const F& f) {
  const Floats tag;
  const std::size_t lanes = hn::Lanes(tag);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes)
    hn::StoreU(f(bits_of(hn::LoadU(tag, values + at))), tag, values + at);
  if (at == count) return;
  std::array<float, kMostLanes> rest{};
  std::memcpy(rest.data(), values + at, (count - at) * sizeof(float));
  hn::StoreU(f(bits_of(hn::LoadU(tag, rest.data()))), tag, rest.data());
  std::memcpy(values + at, rest.data(), (count - at) * sizeof(float));
}

void round_bf16(float* values, std::size_t count) {
  round_all(values, count,
            [](Word bits) { return hn::BitCast(Floats(), hn::ShiftLeft<16>(to_bf16(bits))); });
}

void round_f16(float* values, std::size_t count) {
  round_all(values, count, [](Word bits) { return from_f16(narrowed<F16>(bits)); });
}

}  // namespace
}  // namespace shardwright::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright::kernel {
namespace {

HWY_EXPORT(decode_bf16);
HWY_EXPORT(decode_f16);
HWY_EXPORT(decode_e5m2);
HWY_EXPORT(decode_e4m3);
HWY_EXPORT(encode_bf16);
HWY_EXPORT(encode_f16);
HWY_EXPORT(encode_e5m2);
HWY_EXPORT(encode_e4m3);
HWY_EXPORT(round_bf16);
HWY_EXPORT(round_f16);

void decode_f64(const std::byte* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) {
    double value = 0;
    std::memcpy(&value, from + i * sizeof value, sizeof value);
    to[i] = static_cast<float>(value);
  }
}

void encode_f64(const float* from, std::size_t count, std::byte* to) {
  for (std::size_t i = 0; i < count; ++i) {
    const double value = from[i];
    std::memcpy(to + i * sizeof value, &value, sizeof value);
  }
}

// Copied, with NaN made quiet.
void encode_f32(const float* from, std::size_t count, std::byte* to) {
  for (std::size_t i = 0; i < count; ++i) {
    auto bits = std::bit_cast<std::uint32_t>(from[i]);
    if ((bits & 0x7FFF'FFFFU) > 0x7F80'0000U) bits |= 0x40'0000U;
    std::memcpy(to + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace

bool is_float(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kF64:
    case DType::kF8E4M3:
    case DType::kF8E5M2:
      return true;
    default:
      return false;
  }
}

void decode(DType dtype, Bytes bytes, float* to) {
  const std::size_t count = bytes.size() / (dtype_bits(dtype) / 8);
  if (count == 0) return;
  const std::byte* from = bytes.data();
  switch (dtype) {
    case DType::kF32:
      std::memcpy(to, from, bytes.size());
      return;
    case DType::kF16:
      return HWY_DYNAMIC_DISPATCH(decode_f16)(from, count, to);
    case DType::kBF16:
      return HWY_DYNAMIC_DISPATCH(decode_bf16)(from, count, to);
    case DType::kF64:
      return decode_f64(from, count, to);
    case DType::kF8E4M3:
      return HWY_DYNAMIC_DISPATCH(decode_e4m3)(from, count, to);
    case DType::kF8E5M2:
      return HWY_DYNAMIC_DISPATCH(decode_e5m2)(from, count, to);
    default:
      SW_CHECK(is_float(dtype));
  }
}

void encode(DType dtype, const float* from, std::size_t count, std::byte* to) {
  switch (dtype) {
    case DType::kF32:
      return encode_f32(from, count, to);
    case DType::kF16:
      return HWY_DYNAMIC_DISPATCH(encode_f16)(from, count, to);
    case DType::kBF16:
      return HWY_DYNAMIC_DISPATCH(encode_bf16)(from, count, to);
    case DType::kF64:
      return encode_f64(from, count, to);
    case DType::kF8E4M3:
      return HWY_DYNAMIC_DISPATCH(encode_e4m3)(from, count, to);
    case DType::kF8E5M2:
      return HWY_DYNAMIC_DISPATCH(encode_e5m2)(from, count, to);
    default:
      SW_CHECK(is_float(dtype));
  }
}

void round_to(DType dtype, float* values, std::size_t count) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF64:
      return;  // every float is one of these
    case DType::kBF16:
      return HWY_DYNAMIC_DISPATCH(round_bf16)(values, count);
    case DType::kF16:
      return HWY_DYNAMIC_DISPATCH(round_f16)(values, count);
    default:
      break;
  }
  std::array<std::byte, 1024> codes{};
  for (std::size_t at = 0; at < count; at += codes.size()) {
    const std::size_t n = std::min(codes.size(), count - at);
    encode(dtype, values + at, n, codes.data());
    decode(dtype, Bytes(codes.data(), n), values + at);
  }
}

}  // namespace shardwright::kernel
#endif
