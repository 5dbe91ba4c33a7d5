// Scans without vectors: the formats, the reference, and how parts of a tensor add up.
//
// Bit patterns: IEEE 754 for F16, F32, F64; bfloat16 is the upper half of F32; F8_E4M3 and F8_E5M2
// follow "FP8 Formats for Deep Learning" (arXiv:2209.05433), the FNUZ forms arXiv:2206.02915,
// F8_E8M0 the OCP Microscaling specification 1.0.
#include "tensor/scan.h"

#include <array>
#include <cstring>

#include "base/panic.h"
#include "tensor/scan_format.h"

namespace shardwright {
namespace {

constexpr ScanFormat kBytes{.bytes = 1, .parts = 1, .whole = false, .zero = ZeroForm::kPlain};

constexpr ScanFormat integer(std::uint32_t bytes) {
  return {.bytes = bytes, .parts = 1, .whole = true, .zero = ZeroForm::kPlain};
}

// A format with sign, infinity and NaN as IEEE 754 has them; `bad` is the exponent's mask.
constexpr ScanFormat ieee(std::uint32_t bytes, std::uint64_t keep, std::uint64_t bad,
                          std::uint32_t parts = 1) {
  return {.bytes = bytes,
          .parts = parts,
          .floating = true,
          .whole = true,
          .has_infinity = true,
          .zero = ZeroForm::kSigned,
          .keep = keep,
          .bad = bad};
}

// Eight bits without infinities.
constexpr ScanFormat finite(ZeroForm zero, std::uint64_t keep, std::uint64_t flip,
                            std::uint64_t bad) {
  return {.bytes = 1,
          .parts = 1,
          .floating = true,
          .whole = true,
          .zero = zero,
          .keep = keep,
          .flip = flip,
          .bad = bad};
}

// In the order of the enumeration.
constexpr std::array<ScanFormat, kDTypeCount> kFormats = {{
    integer(1),                                        // BOOL
    kBytes,                                            // F4
    kBytes,                                            // F6_E2M3
    kBytes,                                            // F6_E3M2
    integer(1),                                        // U8
    integer(1),                                        // I8
    ieee(1, 0x7F, 0x7C),                               // F8_E5M2
    finite(ZeroForm::kSigned, 0x7F, 0, 0x7F),          // F8_E4M3
    finite(ZeroForm::kNone, 0xFF, 0, 0xFF),            // F8_E8M0
    finite(ZeroForm::kPlain, 0xFF, 0x7F, 0xFF),        // F8_E4M3FNUZ: 0x80 alone is NaN
    finite(ZeroForm::kPlain, 0xFF, 0x7F, 0xFF),        // F8_E5M2FNUZ: as above
    integer(2),                                        // I16
    integer(2),                                        // U16
    ieee(2, 0x7FFF, 0x7C00),                           // F16
    ieee(2, 0x7FFF, 0x7F80),                           // BF16
    integer(4),                                        // I32
    integer(4),                                        // U32
    ieee(4, 0x7FFF'FFFF, 0x7F80'0000),                 // F32
    ieee(8, 0x7FFF'FFFF, 0x7F80'0000, 2),              // C64
    ieee(8, 0x7FFF'FFFF'FFFF'FFFF, 0x7FF0ULL << 48U),  // F64
    integer(8),                                        // I64
    integer(8),                                        // U64
}};

std::uint64_t load(const std::byte* from, std::uint32_t bytes) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, from, bytes);
  return bits;
}

template <typename Part>
void scan_with(Part part, DType dtype, Bytes bytes, ScanResult& result) {
  if (bytes.empty()) return;
  const ScanFormat& format = scan_format(dtype);
  SW_CHECK(bytes.size() % format.bytes == 0);
  if (!format.floating && !result.constant) {  // nothing is left to learn
    result.elements += bytes.size() / format.bytes;
    return;
  }
  if (result.elements == 0) result.first_bits = load(bytes.data(), format.bytes);
  ScanResult next{.elements = bytes.size() / format.bytes, .unscanned = !format.whole};
  next.first_bits = load(bytes.data(), format.bytes);
  const ScanPart found = part(format, bytes, result.first_bits);
  next.nan = found.nan;
  next.infinite = found.infinite;
  next.first_bad = found.first_bad;
  next.constant = !found.differs;
  switch (format.zero) {
    case ZeroForm::kNone:
      next.zero = false;
      break;
    case ZeroForm::kPlain:
      next.zero = next.constant && next.first_bits == 0;
      break;
    case ZeroForm::kSigned:
      next.zero = !found.nonzero;
      break;
  }
  append(result, next);
}

}  // namespace

const ScanFormat& scan_format(DType dtype) {
  return kFormats.at(static_cast<std::size_t>(dtype));
}

ScanPart scan_part_scalar(const ScanFormat& format, Bytes bytes, std::uint64_t first) {
  ScanPart part;
  const std::uint32_t width = format.part_bytes();
  for (std::size_t at = 0; at < bytes.size(); at += format.bytes) {
    const std::byte* element = bytes.data() + at;
    if (load(element, format.bytes) != first) part.differs = true;
    if (!format.floating) continue;
    bool nan = false;
    bool infinite = false;
    for (std::uint32_t i = 0; i < format.parts; ++i) {
      const std::uint64_t key =
          (load(element + std::size_t{i} * width, width) & format.keep) ^ format.flip;
      if (key != 0) part.nonzero = true;
      if (key < format.bad) continue;
      (format.has_infinity && key == format.bad ? infinite : nan) = true;
    }
    if (!nan && !infinite) continue;
    if (part.nan + part.infinite == 0) part.first_bad = at / format.bytes;
    ++(nan ? part.nan : part.infinite);
  }
  return part;
}

void scan(DType dtype, Bytes bytes, ScanResult& result) {
  scan_with(scan_part, dtype, bytes, result);
}

void scan_scalar(DType dtype, Bytes bytes, ScanResult& result) {
  scan_with(scan_part_scalar, dtype, bytes, result);
}

void append(ScanResult& result, const ScanResult& next) {
  if (next.elements == 0) return;
  if (result.elements == 0) {
    result = next;
    return;
  }
  if (result.nan + result.infinite == 0 && next.nan + next.infinite > 0) {
    result.first_bad = result.elements + next.first_bad;
  }
  result.elements += next.elements;
  result.nan += next.nan;
  result.infinite += next.infinite;
  result.constant = result.constant && next.constant && result.first_bits == next.first_bits;
  result.zero = result.zero && next.zero;
}

}  // namespace shardwright
