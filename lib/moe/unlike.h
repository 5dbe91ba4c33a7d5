// Why a mixture of some architecture cannot be made of models of another.
#pragma once

#include <string>

#include "arch/expand.h"
#include "moe/rule.h"

namespace shardwright {

// "its layers have 'mlp.fc1.bias' and 5 more that mixtral has no place for, and lack
// 'mlp.gate_proj.weight'": by the names of the first layer's tensors, with the experts' made of
// those that the rule says. Where the names do not differ, what the rule says (`unlike`), or
// nothing. `config` is that of the model; the mixture is taken with the settings that both have.
std::string unlike(const MixtureRule& rule, const Schema& mixture, const Expansion& dense,
                   const json::Value& config);

}  // namespace shardwright
