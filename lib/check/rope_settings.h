// What transformers 5 wants of a config's rotary positions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/value_rules.h"
#include "json/value.h"

namespace shardwright {

// A setting that transformers refuses or cannot compute with: a type of positions that it does not
// know, one whose numbers are not there, or lists of them for another size of heads.
struct RefusedRope {
  std::string pointer{};  // RFC 6901, "/rope_scaling/rope_type"
  std::string what{};     // "'rope_scaling.factor' is absent, and the type 'linear' needs it"
  ValueEffect effect{};
};

struct RopeClass {
  bool is_flat{};                        // it reads a flat object
  bool is_built{};                       // and gives all layers rotary positions by it
  bool has_theta{};                      // of which rope_theta is the base
  std::string_view theta{"rope_theta"};  // what it is called outside of the object
  bool has_part{};                       // it rotates a part of a head alone
  std::string_view as_longrope{};        // types that it takes for longrope, with its lists
  std::string_view reads{};              // more numbers that it computes with, whatever the type
  // Numbers of a head that are rotated by a flat one, in pairs: half as many frequencies.
  std::optional<std::uint64_t> rotated{};
};

// Whether the config's `layer_types` has layers of that kind.
bool names_layer(const json::Value& config, std::string_view kind);

// Of `rope_scaling` or `rope_parameters`, flat or with one object for each kind of layers.
std::vector<RefusedRope> refused_rope(const json::Value& config, const RopeClass& rope);

}  // namespace shardwright
