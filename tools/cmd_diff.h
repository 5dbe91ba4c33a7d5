// `shardwright diff`.
#pragma once

#include "tools/command.h"

namespace shardwright {

extern const Command kDiffCommand;

}  // namespace shardwright
