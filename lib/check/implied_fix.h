// What checks say of a key of the config that has another value than the stored tensors imply.
#pragma once

#include <string>
#include <string_view>

#include "check/join.h"
#include "shardwright/finding.h"

namespace shardwright {

struct Model;

// "'hidden_size' is 4096 in the config", or what its absence means.
std::string stated_text(const ImpliedValue& implied);

// "set '/hidden_size' to 32, WHY".
Fix implied_fix(const Model& model, const ImpliedValue& implied, std::string_view why);

}  // namespace shardwright
