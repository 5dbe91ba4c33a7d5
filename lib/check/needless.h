// Tensors that the architecture has no place for, beside a model that is whole without them.
#pragma once

#include <set>
#include <string_view>
#include <vector>

#include "check/check.h"

namespace shardwright {

// Those that may go without a loss to any loader of this architecture: its rule expects every other
// tensor, all that it needs is there in its shape, and the rest stands beside the model, in modules
// of its own ("v_head."), under names that are none of the rule's under another config, that no
// quantised form or adapter would leave, and of no stack of layers, as of a vision tower. What
// stands in a module of the model (a norm, a bias) is never needless: it was trained with the rest.
// Empty where anything else is amiss that they may have to do with.
std::vector<const Tensor*> needless_tensors(const Model& model);

// "vision_tower." of a name, with its dot, where no name of the rule begins so; else empty. `known`
// are the beginnings of those.
using Beginnings = std::set<std::string_view>;
Beginnings beginnings(const Expansion& expected);
std::string_view unknown_module(const Beginnings& known, std::string_view name);

}  // namespace shardwright
