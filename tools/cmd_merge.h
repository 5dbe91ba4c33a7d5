// `shardwright merge`.
#pragma once

#include "tools/command.h"

namespace shardwright {

extern const Command kMergeCommand;

}  // namespace shardwright
