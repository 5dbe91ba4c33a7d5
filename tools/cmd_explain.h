// `shardwright explain`.
#pragma once

#include "tools/command.h"

namespace shardwright {

extern const Command kExplainCommand;

}  // namespace shardwright
