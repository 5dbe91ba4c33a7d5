// Compares many pairs of tensors, and of files, on all cores.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "job/diff_values.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"

namespace shardwright {

// Both are readable, and have as many elements where their values count, else as many bytes.
struct ComparedPair {
  Tensor a{}, b{};
  bool values{};  // how far numbers are apart, too; else only whether the bytes are the same
};

struct PairDifference {
  bool same_bytes{true};  // false, too, for other dtypes
  ValueSums sums{};       // where `values` asks for them
};

// One a pair. Streams both sides through a buffer a thread; where bytes are the same nothing is
// converted. The result does not depend on threads. kIo; kInterrupted where the monitor stops it.
Result<std::vector<PairDifference>> compare_pairs(std::span<const ComparedPair> pairs, int threads,
                                                  const Monitor& monitor);

}  // namespace shardwright
