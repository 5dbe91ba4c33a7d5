// `shardwright completion` and `shardwright manual`: what an installation puts beside the program.
#pragma once

#include "tools/command.h"

namespace shardwright {

extern const Command kCompletionCommand;
extern const Command kManualCommand;

}  // namespace shardwright
