// A file that torch.save wrote as a shard of the model: its tensors in the header that they would
// have as safetensors, and a source that has their bytes where that header says.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "io/folder.h"
#include "shardwright/result.h"

namespace shardwright {

// The shard of that name with all but `use`. Where the file is away or cannot be opened, the shard
// says so; an Error where it holds what is not read.
Result<Shard> read_pickled_shard(const Folder& folder, const std::string& name);

}  // namespace shardwright
