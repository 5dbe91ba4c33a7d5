// Tensors that the architecture has no place for, beside a model that is whole without them.
#pragma once

#include <set>
#include <string_view>
#include <vector>

#include "check/check.h"

namespace shardwright {

// Those that may go without a loss to any loader of this architecture: its rule expects every other
// tensor, all that it needs is there in its shape, and no name of the rest is one that the rule has
// under another config, that a quantised form or an adapter would leave, or of a stack of layers in
// a module that the rule does not know, as of a vision tower. Empty where anything else is amiss
// that they may have to do with.
std::vector<const Tensor*> needless_tensors(const Model& model);

// "vision_tower." of a name, with its dot, where no name of the rule begins so; else empty. `known`
// are the beginnings of those.
using Beginnings = std::set<std::string_view>;
Beginnings beginnings(const Expansion& expected);
std::string_view unknown_module(const Beginnings& known, std::string_view name);

}  // namespace shardwright
