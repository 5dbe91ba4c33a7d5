// Proof that what was staged is what was planned.
#pragma once

#include "check/check.h"
#include "shardwright/result.h"

namespace shardwright {

// Every tensor of the staged checkpoint has name, shard, dtype, shape and digest of the rehearsed
// one, and there are no others. The rehearsed digests are those of the tensors as they were read
// before the repair; the staged ones come from reading the files that were written. kIo otherwise.
Status verify_staged(const Model& rehearsed, const Model& staged);

}  // namespace shardwright
