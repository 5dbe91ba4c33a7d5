#include "support/element.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"

namespace shardwright::test {
namespace {

struct FloatForm {
  int exponent_bits{}, mantissa_bits{}, bias{};
  bool infinity{};      // the largest exponent is infinity and NaN alone
  std::uint64_t nan{};  // the bits of a NaN
};

std::uint64_t small_float(const FloatForm& form, double value) {
  const std::uint64_t sign = std::signbit(value)
                                 ? std::uint64_t{1} << (form.exponent_bits + form.mantissa_bits)
                                 : std::uint64_t{0};
  const std::uint64_t top = ((std::uint64_t{1} << form.exponent_bits) - 1) << form.mantissa_bits;
  if (std::isnan(value)) return form.nan;
  if (value == 0) return form.infinity || form.bias == 7 ? sign : 0;  // FNUZ forms have one zero
  if (std::isinf(value)) return form.infinity ? sign | top : form.nan;
  const double size = std::fabs(value);
  const int exponent = std::max(std::ilogb(size), 1 - form.bias);
  const auto steps =
      static_cast<std::uint64_t>(std::nearbyint(std::ldexp(size, form.mantissa_bits - exponent)));
  // A carry out of the mantissa lands in the exponent, where it belongs.
  const std::uint64_t bits =
      steps + (static_cast<std::uint64_t>(exponent + form.bias - 1) << form.mantissa_bits);
  if (form.infinity && bits >= top) return sign | top;
  if (!form.infinity && bits >= (std::uint64_t{1} << (form.exponent_bits + form.mantissa_bits))) {
    return form.nan;
  }
  return sign | bits;
}

std::uint64_t as_integer(double value) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
}

std::uint64_t mask(DType dtype) {
  const std::uint32_t bits = dtype_bits(dtype);
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

}  // namespace

std::uint64_t element_bits(DType dtype, double value) {
  switch (dtype) {
    case DType::kF64:
      return std::bit_cast<std::uint64_t>(value);
    case DType::kF32:
    case DType::kC64:
      return std::bit_cast<std::uint32_t>(static_cast<float>(value));
    case DType::kF16:
      return small_float({5, 10, 15, true, 0x7E00}, value);
    case DType::kBF16:
      return small_float({8, 7, 127, true, 0x7FC0}, value);
    case DType::kF8E5M2:
      return small_float({5, 2, 15, true, 0x7E}, value);
    case DType::kF8E4M3:
      return small_float({4, 3, 7, false, 0x7F}, value);
    case DType::kF8E4M3Fnuz:
      return small_float({4, 3, 8, false, 0x80}, value);
    case DType::kF8E5M2Fnuz:
      return small_float({5, 2, 16, false, 0x80}, value);
    case DType::kF8E8M0:
      return std::isnan(value) ? 0xFFU
                               : static_cast<std::uint64_t>(std::ilogb(value) + 127) & 0xFFU;
    case DType::kBool:
      return value != 0 ? 1 : 0;
    case DType::kU8:
    case DType::kI8:
    case DType::kI16:
    case DType::kU16:
    case DType::kI32:
    case DType::kU32:
    case DType::kI64:
    case DType::kU64:
      return as_integer(value) & mask(dtype);
    case DType::kF4:
    case DType::kF6E2M3:
    case DType::kF6E3M2:
      break;
  }
  throw std::runtime_error(fmt::format("no element of {} has bytes of its own", dtype_name(dtype)));
}

std::string fill_bytes(DType dtype, std::uint64_t count, const std::string& fill) {
  if (constexpr std::string_view kRows = "rows:"; fill.starts_with(kRows)) {
    const auto seeds = split(std::string_view(fill).substr(kRows.size()), ',');
    std::string rows;
    for (const std::string_view seed : seeds)
      rows += fill_bytes(dtype, count / seeds.size(),
                         seed == "0" ? "zero" : "random:" + std::string(seed));
    return rows;
  }
  const std::uint32_t bits = dtype_bits(dtype);
  const bool is_float = dtype_class(dtype) == DTypeClass::kFloat;
  const bool is_random = fill.starts_with("random:");
  std::string bytes(bits * count / 8, '\0');
  if (fill == "zero") return bytes;
  std::mt19937_64 generator(is_random ? std::stoull(fill.substr(7)) : 0);
  if (bits < 8) {
    if (fill != "iota" && !is_random) throw std::runtime_error("no fill of that dtype: " + fill);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<char>((is_random ? generator() : i) & 0x7FU);
    }
    return bytes;
  }
  const std::uint64_t width = bits / 8;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t element = 0;
    if (fill == "iota") {
      element = element_bits(dtype, static_cast<double>(i));
    } else if (fill == "one") {
      element = element_bits(dtype, 1);
    } else if (fill == "nan" && is_float) {
      element = element_bits(dtype, std::numeric_limits<double>::quiet_NaN());
    } else if (fill == "inf" && is_float) {
      element = element_bits(dtype, std::numeric_limits<double>::infinity());
    } else if (is_random) {
      const std::uint64_t random = generator();
      element = is_float
                    ? element_bits(dtype, std::ldexp(static_cast<double>(random >> 11U), -52) - 1)
                : dtype == DType::kBool ? random & 1U
                                        : random & mask(dtype);
    } else {
      throw std::runtime_error("no fill of that dtype: " + fill);
    }
    std::memcpy(bytes.data() + i * width, &element, width);
  }
  return bytes;
}

}  // namespace shardwright::test
