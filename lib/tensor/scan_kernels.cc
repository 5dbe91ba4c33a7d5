// The scan on vectors. This file is compiled once for each instruction set that the compiler can
// produce: foreach_target.h includes it again and again, and the machine's best is chosen at run
// time.
//
// A block is first only combined: the largest key, and the bits in which elements differ from the
// first. Blocks in which that shows a NaN or infinity are gone over again and counted; in a healthy
// model there are none, so that the cost is four operations a vector.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/scan_kernels.cc"
#include <algorithm>
#include <cstring>

#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#include "tensor/scan_format.h"

HWY_BEFORE_NAMESPACE();
namespace shardwright::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

ScanPart scan_kernel(const ScanFormat& format, Bytes bytes, std::uint64_t first) {
  return scan_part_scalar(format, bytes, first);
}

#else

namespace hn = hwy::HWY_NAMESPACE;

// Stays in the first-level cache for the second look.
constexpr std::size_t kBlockBytes = 8192;

// The first element over and over: its width divides 8.
std::uint64_t repeated(std::uint64_t first, std::uint32_t bytes) {
  for (std::uint32_t filled = bytes; filled < 8; filled *= 2)
    first |= first << (8U * filled);
  return first;
}

// Adds what `later`, which begins at element `offset` of the run, has.
void add(ScanPart& part, const ScanPart& later, std::uint64_t offset) {
  if (part.nan + part.infinite == 0 && later.nan + later.infinite > 0) {
    part.first_bad = offset + later.first_bad;
  }
  part.nan += later.nan;
  part.infinite += later.infinite;
  part.differs |= later.differs;
  part.nonzero |= later.nonzero;
}

template <typename T>
struct Keys {
  using Tag = hn::ScalableTag<T>;
  using Raw = hn::Repartition<std::uint8_t, Tag>;
  using Vec = hn::Vec<Tag>;
  T keep, flip, last_good;

  explicit Keys(const ScanFormat& format)
      : keep(static_cast<T>(format.keep)),
        flip(static_cast<T>(format.flip)),
        last_good(static_cast<T>(format.bad - 1)) {}

  static Vec load(const std::byte* from) {
    return hn::BitCast(Tag(), hn::LoadU(Raw(), reinterpret_cast<const std::uint8_t*>(from)));
  }
  Vec key(Vec bits) const {
    return hn::Xor(hn::And(bits, hn::Set(Tag(), keep)), hn::Set(Tag(), flip));
  }
  auto bad(Vec key) const { return hn::Gt(key, hn::Set(Tag(), last_good)); }
};

// Counts in a block of whole vectors that has a NaN or infinity. Rare.
template <typename T>
void count(const Keys<T>& keys, const ScanFormat& format, Bytes block, std::uint64_t offset,
           std::uint64_t first, ScanPart& part) {
  if (format.parts != 1 || part.nan + part.infinite == 0) {
    add(part, scan_part_scalar(format, block, first), offset);
    return;
  }
  std::uint64_t bad = 0;
  std::uint64_t edge = 0;
  const hn::ScalableTag<T> tag;
  const auto threshold = hn::Set(tag, static_cast<T>(format.bad));
  const std::size_t step = hn::Lanes(typename Keys<T>::Raw());
  for (std::size_t at = 0; at < block.size(); at += step) {
    const auto key = keys.key(keys.load(block.data() + at));
    bad += hn::CountTrue(tag, keys.bad(key));
    edge += hn::CountTrue(tag, hn::Eq(key, threshold));
  }
  part.infinite += format.has_infinity ? edge : 0;
  part.nan += format.has_infinity ? bad - edge : bad;
}

template <typename T>
ScanPart scan_floats(const ScanFormat& format, Bytes bytes, std::uint64_t first) {
  const Keys<T> keys(format);
  const hn::ScalableTag<T> tag;
  const std::size_t lane_bytes = hn::Lanes(typename Keys<T>::Raw());
  const std::size_t step = 4 * lane_bytes;
  const auto pattern = hn::BitCast(
      tag,
      hn::Set(hn::Repartition<std::uint64_t, hn::ScalableTag<T>>(), repeated(first, format.bytes)));
  auto seen = hn::Zero(tag);  // all keys, or-ed
  auto diff = hn::Zero(tag);
  ScanPart part;

  std::size_t at = 0;
  const std::size_t vectors = bytes.size() / step * step;
  while (at < vectors) {
    const std::size_t begin = at;
    const std::size_t end = std::min(vectors, begin + kBlockBytes);
    auto max0 = hn::Zero(tag);
    auto max1 = hn::Zero(tag);
    auto diff1 = hn::Zero(tag);
    for (; at < end; at += step) {
      const std::byte* from = bytes.data() + at;
      const auto a = keys.load(from);
      const auto b = keys.load(from + lane_bytes);
      const auto c = keys.load(from + 2 * lane_bytes);
      const auto d = keys.load(from + 3 * lane_bytes);
      max0 = hn::Max(max0, keys.key(a));
      max1 = hn::Max(max1, keys.key(b));
      max0 = hn::Max(max0, keys.key(c));
      max1 = hn::Max(max1, keys.key(d));
      diff = hn::Or(diff, hn::Xor(a, pattern));
      diff1 = hn::Or(diff1, hn::Xor(b, pattern));
      diff = hn::Or(diff, hn::Xor(c, pattern));
      diff1 = hn::Or(diff1, hn::Xor(d, pattern));
    }
    diff = hn::Or(diff, diff1);
    const auto max = hn::Max(max0, max1);
    seen = hn::Or(seen, max);
    if (HWY_UNLIKELY(!hn::AllFalse(tag, keys.bad(max)))) {
      count<T>(keys, format, bytes.subspan(begin, end - begin), begin / format.bytes, first, part);
    }
  }
  part.differs |= !hn::AllTrue(tag, hn::Eq(diff, hn::Zero(tag)));
  part.nonzero |= !hn::AllTrue(tag, hn::Eq(seen, hn::Zero(tag)));
  add(part, scan_part_scalar(format, bytes.subspan(at), first), at / format.bytes);
  return part;
}

// Whether any element differs: all that there is to know of integers.
bool differs(Bytes bytes, std::uint64_t pattern) {
  const hn::ScalableTag<std::uint64_t> tag;
  const hn::Repartition<std::uint8_t, decltype(tag)> raw;
  const std::size_t step = hn::Lanes(raw);
  const auto expected = hn::Set(tag, pattern);
  std::size_t at = 0;
  for (; at + step <= bytes.size(); at += step) {
    const auto bits =
        hn::BitCast(tag, hn::LoadU(raw, reinterpret_cast<const std::uint8_t*>(bytes.data() + at)));
    if (!hn::AllTrue(tag, hn::Eq(bits, expected))) return true;
  }
  const Bytes rest = bytes.subspan(at);
  for (std::size_t i = 0; i < rest.size(); i += 8) {
    const std::size_t left = std::min<std::size_t>(8, rest.size() - i);
    if (std::memcmp(rest.data() + i, &pattern, left) != 0) return true;
  }
  return false;
}

ScanPart scan_kernel(const ScanFormat& format, Bytes bytes, std::uint64_t first) {
  if (!format.floating) return {.differs = differs(bytes, repeated(first, format.bytes))};
  switch (format.part_bytes()) {
    case 1:
      return scan_floats<std::uint8_t>(format, bytes, first);
    case 2:
      return scan_floats<std::uint16_t>(format, bytes, first);
    case 4:
      return scan_floats<std::uint32_t>(format, bytes, first);
    default:
      return scan_floats<std::uint64_t>(format, bytes, first);
  }
}

#endif

}  // namespace
}  // namespace shardwright::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shardwright {

HWY_EXPORT(scan_kernel);

ScanPart scan_part(const ScanFormat& format, Bytes bytes, std::uint64_t first) {
  return HWY_DYNAMIC_DISPATCH(scan_kernel)(format, bytes, first);
}

}  // namespace shardwright
#endif
