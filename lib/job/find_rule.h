// The rule that a user names.
#pragma once

#include <string_view>

#include "arch/catalogue.h"
#include "shardwright/result.h"

namespace shardwright {

// By the rule's name, a model type or an alias. kInvalidArgument with the nearest name.
Result<const Schema*> find_rule(const Catalogue& catalogue, std::string_view name);

}  // namespace shardwright
