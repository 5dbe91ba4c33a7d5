// Whether two tensors hold the same numbers in two dtypes.
#pragma once

#include "check/data_facts.h"
#include "checkpoint/checkpoint.h"
#include "shardwright/dtype.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"

namespace shardwright {

// Two dtypes of which each number of the one may be one of the other: F16, BF16, F32 and F64.
bool holds_same_numbers(DType a, DType b);

// Compares the elements of two readable tensors of one shape, of dtypes that may hold the same
// numbers; a NaN is as good as another. Reads 1 MiB at a time; without `whole` no more of large
// ones than a sample. kInterrupted where the monitor stops it.
Result<TieBytes> compare_values(const Tensor& a, const Tensor& b, bool whole,
                                const Monitor& monitor);

}  // namespace shardwright
