// The experts beyond those that a config counts, by the names of their tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "arch/expand.h"

namespace shardwright {

using ExpertPlace = std::pair<std::int32_t, std::int32_t>;  // layer and number

// The layer and number of an expert that the config does not count, of whose siblings the rule
// knows the name, or the weight that it is a part of.
std::optional<ExpertPlace> place_beyond(const Expansion& expected, std::string_view name);

}  // namespace shardwright
