// Gates of what the base makes of prompts, layer by layer.
#pragma once

#include <vector>

#include "moe/gates.h"
#include "moe/prompts.h"
#include "shardwright/result.h"

namespace shardwright {

// Of the state of each prompt's last token, or of the mean over all its tokens, as it comes to each
// layer: the mean over the prompts. Errors are those of a forward pass.
Result<GateTable> hidden_gates(const GateTask& task, const std::vector<ExpertPrompts>& experts);

}  // namespace shardwright
