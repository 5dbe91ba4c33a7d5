// Bytes of floats that are computed when they are read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/try.h"
#include "shardwright/result.h"

namespace shardwright {

// Fills `into` from byte `offset` of `elements` floats, of which `compute(first, count, to)` gives
// any; it is asked for a bounded number at a time. kIo past the end.
template <typename Compute>
Status read_computed(std::uint64_t elements, std::uint64_t offset, MutableBytes into,
                     const Compute& compute) {
  constexpr std::size_t kAtOnce = 32U << 10U;
  const std::uint64_t size = elements * sizeof(float);
  if (offset > size || into.size() > size - offset)
    return Error{ErrorCode::kIo, "a read past the end of a computed tensor"};
  std::vector<float> values(std::min<std::uint64_t>(kAtOnce, into.size() / sizeof(float) + 2));
  while (!into.empty()) {
    const std::uint64_t first = offset / sizeof(float);
    const std::size_t skip = offset % sizeof(float);
    const std::size_t part =
        std::min<std::uint64_t>(into.size(), values.size() * sizeof(float) - skip);
    const std::size_t count = (skip + part + sizeof(float) - 1) / sizeof(float);
    SW_TRY_OK(compute(first, count, values.data()));
    std::memcpy(into.data(), reinterpret_cast<const std::byte*>(values.data()) + skip, part);
    into = into.subspan(part);
    offset += part;
  }
  return ok();
}

}  // namespace shardwright
