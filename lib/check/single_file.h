// Whether one file is the whole model, whatever index lies beside it.
#pragma once

#include "checkpoint/checkpoint.h"

namespace shardwright {

// The file that transformers loads before it looks for an index ("model.safetensors"), or null.
const Shard* single_file(const Checkpoint& checkpoint);

}  // namespace shardwright
