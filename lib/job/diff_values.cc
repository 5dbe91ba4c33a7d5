#include "job/diff_values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "merge/kernels.h"

namespace shardwright {
namespace {

// Elements that are compared at once: both sides stay in the first-level cache.
constexpr std::size_t kCompared = 4096;

template <typename T>
void widen_as(Bytes bytes, std::vector<long double>& into) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    T value{};
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    into[i] = static_cast<long double>(value);
  }
}

void widen(DType dtype, Bytes bytes, std::vector<long double>& into, std::vector<float>& floats) {
  into.resize(bytes.size() * 8 / dtype_bits(dtype));
  switch (dtype) {
    case DType::kF64:
      return widen_as<double>(bytes, into);
    case DType::kBool:
    case DType::kU8:
      return widen_as<std::uint8_t>(bytes, into);
    case DType::kI8:
      return widen_as<std::int8_t>(bytes, into);
    case DType::kU16:
      return widen_as<std::uint16_t>(bytes, into);
    case DType::kI16:
      return widen_as<std::int16_t>(bytes, into);
    case DType::kU32:
      return widen_as<std::uint32_t>(bytes, into);
    case DType::kI32:
      return widen_as<std::int32_t>(bytes, into);
    case DType::kU64:
      return widen_as<std::uint64_t>(bytes, into);
    case DType::kI64:
      return widen_as<std::int64_t>(bytes, into);
    default:
      floats.resize(into.size());
      kernel::decode(dtype, bytes, floats.data());
      std::ranges::copy(floats, into.begin());
  }
}

template <typename T>
void add_pair(T a, T b, std::uint64_t element, ValueSums& into) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return;
  ++into.different;
  if (!std::isfinite(a) || !std::isfinite(b)) {
    ++into.not_finite;
    return;
  }
  constexpr long double kMost = std::numeric_limits<double>::max();
  const auto off = static_cast<double>(
      std::min(kMost, std::fabs(static_cast<long double>(a) - static_cast<long double>(b))));
  into.sum += off;
  if (off <= into.largest) return;
  into.largest = off;
  into.at = element;
}

template <typename T>
void add_one_by_one(std::span<const T> a, std::span<const T> b, std::uint64_t first,
                    ValueSums& into) {
  for (std::size_t i = 0; i < a.size(); ++i)
    add_pair(a[i], b[i], first + i, into);
}

// The same for finite floats, on vectors; false, with nothing added, where one is not.
bool add_finite(std::span<const float> a, std::span<const float> b, std::uint64_t first,
                ValueSums& into) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  std::array<float, kLanes> most{};
  std::array<std::uint32_t, kLanes> unlike{};
  const std::size_t whole = a.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float off = std::fabs(a[i + lane] - b[i + lane]);
      sums[lane] += static_cast<double>(off);
      most[lane] = off > most[lane] ? off : most[lane];
      unlike[lane] += a[i + lane] != b[i + lane] ? 1U : 0U;
    }
  }
  ValueSums seen;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    seen.sum += sums[lane];
    seen.different += unlike[lane];
  }
  if (!std::isfinite(seen.sum)) return false;
  const float largest = *std::ranges::max_element(most);
  if (static_cast<double>(largest) > into.largest) {
    for (std::size_t i = 0; i < whole && seen.largest == 0; ++i) {
      if (std::fabs(a[i] - b[i]) != largest) continue;
      seen.largest = static_cast<double>(largest);
      seen.at = first + i;
    }
  }
  append(into, seen);
  add_one_by_one(a.subspan(whole), b.subspan(whole), first + whole, into);
  return true;
}

}  // namespace

bool has_values(DType dtype) {
  const DTypeClass kind = dtype_class(dtype);
  return kernel::is_float(dtype) || kind == DTypeClass::kInteger || kind == DTypeClass::kBool;
}

void ValueComparer::add(std::uint64_t first, Bytes a, Bytes b, ValueSums& into) {
  const auto narrow = [](DType dtype) { return kernel::is_float(dtype) && dtype != DType::kF64; };
  const bool floats = narrow(a_) && narrow(b_);
  const std::size_t width_a = dtype_bits(a_) / 8;
  const std::size_t width_b = dtype_bits(b_) / 8;
  const std::size_t elements = a.size() / width_a;
  for (std::size_t at = 0; at < elements; at += kCompared) {
    const std::size_t count = std::min(kCompared, elements - at);
    const Bytes part_a = a.subspan(at * width_a, count * width_a);
    const Bytes part_b = b.subspan(at * width_b, count * width_b);
    if (floats) {
      add_floats(first + at, part_a, part_b, into);
    } else {
      add_wide(first + at, part_a, part_b, into);
    }
  }
}

void ValueComparer::add_floats(std::uint64_t first, Bytes a, Bytes b, ValueSums& into) {
  auto& [from_a, from_b] = floats_;
  from_a.resize(a.size() * 8 / dtype_bits(a_));
  from_b.resize(from_a.size());
  kernel::decode(a_, a, from_a.data());
  kernel::decode(b_, b, from_b.data());
  if (add_finite(from_a, from_b, first, into)) return;
  add_one_by_one<float>(from_a, from_b, first, into);
}

void ValueComparer::add_wide(std::uint64_t first, Bytes a, Bytes b, ValueSums& into) {
  widen(a_, a, wide_[0], floats_[0]);
  widen(b_, b, wide_[1], floats_[1]);
  add_one_by_one<long double>(wide_[0], wide_[1], first, into);
}

void append(ValueSums& sums, const ValueSums& next) {
  sums.different += next.different;
  sums.not_finite += next.not_finite;
  sums.sum += next.sum;
  if (next.largest <= sums.largest) return;
  sums.largest = next.largest;
  sums.at = next.at;
}

}  // namespace shardwright
