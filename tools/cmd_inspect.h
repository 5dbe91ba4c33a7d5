// `shardwright inspect`.
#pragma once

#include "tools/command.h"

namespace shardwright {

extern const Command kInspectCommand;

}  // namespace shardwright
