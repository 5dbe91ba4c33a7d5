// `shardwright moe`.
#pragma once

#include "tools/command.h"

namespace shardwright {

extern const Command kMoeCommand;

}  // namespace shardwright
