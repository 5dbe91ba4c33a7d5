// Long runs of zero bytes, found on the way through a tensor: parts of a file that were never
// written read as zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "shardwright/dtype.h"

namespace shardwright {

// Bytes [from, to) of a tensor are zero, and the bytes beside them are not.
struct ZeroRun {
  std::uint64_t from{}, to{};

  friend bool operator==(const ZeroRun&, const ZeroRun&) = default;
};

// Shorter runs are not kept: a row of a matrix may well be zero.
inline constexpr std::uint64_t kLeastZeroRun = 4096;

// Watches a part of a tensor. What it costs is a look at the ends of each page, until one is zero.
class ZeroRunReader {
 public:
  // Of a floating dtype -0.0 is zero, too: what a mask leaves of a weight.
  explicit ZeroRunReader(std::uint64_t from = 0, DType dtype = DType::kU8);

  // The next bytes, in any portions of whole elements.
  void add(Bytes bytes);
  // The long runs, and those of any length that touch an end of the part.
  std::vector<ZeroRun> take();

 private:
  void end_run(std::uint64_t to);

  std::uint64_t begin_;
  std::uint64_t at_;
  std::uint64_t sign_{};        // the bits of eight bytes that do not count
  std::size_t sign_period_{1};  // the bytes of an element
  std::uint64_t zeros_{};       // that end here
  std::vector<ZeroRun> runs_;
};

// The long runs of a tensor from those of its parts, in order.
std::vector<ZeroRun> join_zero_runs(std::span<const ZeroRun> parts);

}  // namespace shardwright
