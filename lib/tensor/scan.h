// One pass over a tensor's bytes: NaN, infinities, constancy. SIMD with run-time dispatch.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "shardwright/dtype.h"

namespace shardwright {

struct ScanResult {
  std::uint64_t elements{};  // seen so far; bytes where `unscanned`
  std::uint64_t nan{};  // a complex number is NaN where a part is, else infinite where a part is
  std::uint64_t infinite{};
  std::uint64_t first_bad{};  // element index of the first NaN or infinity, where there is one
  bool constant{true};        // all elements seen have the bits of the first
  bool zero{true};            // all elements seen are +0 or -0
  bool unscanned{};           // a dtype without a scan (sub-byte floats): only bytes were compared
  std::uint64_t first_bits{};

  friend bool operator==(const ScanResult&, const ScanResult&) = default;
};

// Adds the elements in `bytes` (whole elements, any alignment) to the result. All calls for one
// result must name one dtype.
void scan(DType dtype, Bytes bytes, ScanResult& result);

// The same, element by element: the reference that tests compare with.
void scan_scalar(DType dtype, Bytes bytes, ScanResult& result);

// Adds what was seen of the elements that follow those of `result`.
void append(ScanResult& result, const ScanResult& next);

}  // namespace shardwright
