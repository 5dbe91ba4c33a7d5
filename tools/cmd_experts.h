// `shardwright experts`.
#pragma once

#include "tools/command.h"

namespace shardwright {

extern const Command kExpertsCommand;

}  // namespace shardwright
