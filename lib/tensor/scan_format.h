// The bit patterns that a scan looks for, and the kernel that looks. Private to the scan.
//
// Only bits are tested: no float is ever computed, so signalling NaN and rounding modes play no
// part.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "shardwright/dtype.h"

namespace shardwright {

enum class ZeroForm : std::uint8_t {
  kNone,    // the format has no zero (F8_E8M0)
  kPlain,   // all bits clear
  kSigned,  // all bits but the sign clear
};

// The key of a part is (bits & keep) ^ flip; from `bad` on it is no finite number.
struct ScanFormat {
  std::uint32_t bytes{};  // of an element: 1, 2, 4 or 8
  std::uint32_t parts{};  // 2 for complex numbers
  bool floating{};        // otherwise there is no NaN, and the three keys below mean nothing
  bool whole{};           // false: elements narrower than a byte, of which only bytes are seen
  bool has_infinity{};    // the key `bad` itself is infinity, what is above is NaN
  ZeroForm zero{};
  std::uint64_t keep{};
  std::uint64_t flip{};
  std::uint64_t bad{};

  [[nodiscard]] std::uint32_t part_bytes() const { return bytes / parts; }
};

const ScanFormat& scan_format(DType dtype);

// What a run of elements adds to a ScanResult.
struct ScanPart {
  std::uint64_t nan{};
  std::uint64_t infinite{};
  std::uint64_t first_bad{};  // index in the run, where nan or infinite is not 0
  bool differs{};             // some element has other bits than the first of the tensor
  bool nonzero{};             // some element is not +0 or -0; only for ZeroForm::kSigned
};

// Element by element. `first` are the bits of the tensor's first element.
ScanPart scan_part_scalar(const ScanFormat& format, Bytes bytes, std::uint64_t first);

// The same on the widest vectors that this machine has.
ScanPart scan_part(const ScanFormat& format, Bytes bytes, std::uint64_t first);

}  // namespace shardwright
