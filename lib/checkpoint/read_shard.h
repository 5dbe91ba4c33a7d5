// One shard: opened, sniffed, its header read with as few calls of the system as can be.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "io/folder.h"

namespace shardwright {

// The shard of that name as far as it can be opened, without a look into it.
Shard open_shard(const Folder& folder, const std::string& name);

// The shard of that name with all but `use`. Whatever stands in the way is kept in it.
Shard read_shard(const Folder& folder, const std::string& name);

}  // namespace shardwright
