// The tensors of two checkpoints, by name: what headers tell, and which bytes are to be read.
#pragma once

#include <vector>

#include "checkpoint/checkpoint.h"
#include "job/diff_bytes.h"
#include "shardwright/diff_job.h"

namespace shardwright {

struct TensorPairing {
  ComparedPair pair{};  // without a source where nothing is to be read: the row is complete
  TensorDiff row{};
};

// Of every name, in A's order, then of those that B alone has. What is the very same on the disk is
// counted in the report, and is not among them.
std::vector<TensorPairing> pair_up(const Checkpoint& a, const Checkpoint& b, DiffReport& report);

void count_same(const Tensor& tensor, DiffReport& report);

// What the numbers of a tensor of A and another say.
ValueDifference value_difference(const ValueSums& sums, const Tensor& tensor);

}  // namespace shardwright
