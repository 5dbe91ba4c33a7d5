// Rows in chunks that begin and end anywhere in them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "merge/method.h"

namespace shardwright {

// f(first element in the chunk, the row, its place in the row, how many elements) for each part of
// a row of `length` elements.
template <typename F>
void for_row_parts(const Chunk& chunk, std::uint64_t length, const F& f) {
  for (std::size_t from = 0; from < chunk.count;) {
    const std::uint64_t at = chunk.first + from;
    const std::size_t count = std::min<std::uint64_t>(length - at % length, chunk.count - from);
    f(from, at / length, at % length, count);
    from += count;
  }
}

}  // namespace shardwright
