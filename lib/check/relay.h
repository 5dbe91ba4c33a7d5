// What is lost where a shard is written anew from its own header: what the fixes of gaps, trailing
// bytes, alignment and metadata have in common, and what any other repair of the shard has to ask.
#pragma once

#include <string>
#include <string_view>

#include "checkpoint/checkpoint.h"
#include "shardwright/finding.h"

namespace shardwright {

struct Model;

// Safe: nothing is lost. Unsafe: metadata that is no text. Never: a tensor that cannot be read, or
// bytes of which nobody knows whose they are.
struct Relay {
  Safety safety{};
  std::string_view why{};  // it is not safe
};
Relay relay_of(const Model& model, const Shard& shard);

// Writing the shard anew, as far as that can be done.
Fix relay_fix(const Model& model, const Shard& shard, std::string summary);

}  // namespace shardwright
