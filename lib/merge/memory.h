// How much memory a plan takes while it is carried out, said before.
#pragma once

#include <cstdint>

#include "merge/plan.h"
#include "shardwright/result.h"

namespace shardwright {

// Bytes, at most, beside what the process holds before the first tile.
struct MergeMemory {
  std::uint64_t shared{};   // however many threads there are
  std::uint64_t working{};  // of each thread that computes
  std::uint64_t waiting{};  // of each thread that waits for the disk

  std::uint64_t counts{};  // of one pass, of one thread

  [[nodiscard]] std::uint64_t total(int computing, int idle) const;
};

// kInvalidArgument where a method refuses its values.
Result<MergeMemory> memory_of(const MergePlan& plan);

// --- what the engine keeps to, and the estimate counts on ----------------------------------------

// Tensors that are gathered ahead of the one that is waited for; and bytes of their counts, from
// which on nothing is begun ahead.
inline constexpr std::size_t kTensorsAhead = 16;
inline constexpr std::uint64_t kCountsAhead = std::uint64_t{16} << 20U;

// A tensor is gathered in blocks: sums of a block are taken in order by one thread, and those of
// all blocks in order at the end.
struct PassBlocks {
  std::uint64_t elements{};  // of each block but the last
  std::uint64_t blocks{};
};
PassBlocks blocks_of(std::uint64_t elements, std::uint64_t chunk, std::size_t sums);

}  // namespace shardwright
