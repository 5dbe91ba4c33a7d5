#include "check/equal_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/try.h"
#include "base/units.h"
#include "tensor/convert.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kRunElements = kMiB / (3 * sizeof(double));
constexpr std::uint64_t kSampleElements = 2048;
constexpr std::uint64_t kSampleRuns = 64;

bool is_plain_float(DType dtype) {
  return dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kF32 ||
         dtype == DType::kF64;
}

template <typename Bits, typename Value>
void widen_all(Bytes raw, std::span<double> into, Value value) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    Bits bits{};
    std::memcpy(&bits, raw.data() + i * sizeof(Bits), sizeof(Bits));
    into[i] = value(bits);
  }
}

// Exact: each of these numbers is one of F64.
void widen_exactly(DType dtype, Bytes raw, std::span<double> into) {
  switch (dtype) {
    case DType::kF16:
      return widen_all<std::uint16_t>(raw, into, f64_from_f16);
    case DType::kBF16:
      return widen_all<std::uint16_t>(raw, into, [](std::uint16_t bits) {
        return static_cast<double>(std::bit_cast<float>(std::uint32_t{bits} << 16U));
      });
    case DType::kF32:
      return widen_all<float>(raw, into, [](float value) { return static_cast<double>(value); });
    default:
      return widen_all<double>(raw, into, [](double value) { return value; });
  }
}

Status read_numbers(const Tensor& from, std::uint64_t first, std::span<double> into,
                    std::vector<std::byte>& raw) {
  const std::uint64_t width = dtype_bits(from.dtype) / 8;
  raw.resize(into.size() * width);
  SW_TRY_OK(from.read(first * width, raw));
  widen_exactly(from.dtype, raw, into);
  return ok();
}

bool same_number(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

}  // namespace

bool holds_same_numbers(DType a, DType b) {
  return a != b && is_plain_float(a) && is_plain_float(b);
}

Result<TieBytes> compare_values(const Tensor& a, const Tensor& b, bool whole,
                                const Monitor& monitor) {
  const std::uint64_t elements = a.bytes / (dtype_bits(a.dtype) / 8);
  whole = whole || elements <= kSampleRuns * kSampleElements;
  const std::uint64_t run = whole ? kRunElements : kSampleElements;
  const std::uint64_t runs = whole ? elements / run + (elements % run != 0 ? 1 : 0) : kSampleRuns;
  // Evenly spread; the last run ends where the tensor does.
  const std::uint64_t gap = whole ? run : (elements - run) / (runs - 1);
  std::vector<std::byte> raw;
  std::vector<double> numbers_a;
  std::vector<double> numbers_b;
  for (std::uint64_t i = 0; i < runs; ++i) {
    if (monitor.stopped()) return Error{ErrorCode::kInterrupted, "interrupted"};
    const std::uint64_t first = !whole && i + 1 == runs ? elements - run : i * gap;
    const std::uint64_t count = std::min(run, elements - first);
    numbers_a.resize(count);
    numbers_b.resize(count);
    SW_TRY_OK(read_numbers(a, first, numbers_a, raw));
    SW_TRY_OK(read_numbers(b, first, numbers_b, raw));
    if (!std::ranges::equal(numbers_a, numbers_b, same_number)) return TieBytes::kDiffer;
  }
  return whole ? TieBytes::kEqual : TieBytes::kEqualSample;
}

}  // namespace shardwright
