// What transformers 5 wants of a config's rotary positions.
#pragma once

#include <string>
#include <vector>

#include "json/value.h"

namespace shardwright {

// A setting that transformers refuses: a type of positions that it does not know, or one whose
// numbers are not there.
struct RefusedRope {
  std::string pointer{};  // RFC 6901, "/rope_scaling/rope_type"
  std::string what{};     // "'rope_scaling.factor' is absent, and the type 'linear' needs it"
};

// Of `rope_scaling` or `rope_parameters`, flat or with one object for each kind of layers.
// `is_flat`: the class reads a flat one; `is_built`: and gives all layers rotary positions by it.
std::vector<RefusedRope> refused_rope(const json::Value& config, bool is_flat, bool is_built);

}  // namespace shardwright
