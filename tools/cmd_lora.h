// `shardwright lora`.
#pragma once

#include "tools/command.h"

namespace shardwright {

extern const Command kLoraCommand;

}  // namespace shardwright
