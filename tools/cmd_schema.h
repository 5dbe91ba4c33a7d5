// shardwright schema: the rules, and the tensors that they ask for.
#pragma once

#include "tools/command.h"

namespace shardwright {

extern const Command kSchemaCommand;

}  // namespace shardwright
