// `shardwright synth`.
#pragma once

#include "tools/command.h"

namespace shardwright {

extern const Command kSynthCommand;

}  // namespace shardwright
