// What quantised modules lack, by the method and its settings: parts of what they are stored in,
// and modules that are plain where the same ones of other layers are not.
#pragma once

#include <string_view>
#include <vector>

#include "check/join.h"

namespace shardwright {

struct LackingModule {
  std::string_view module{};              // "model.layers.0.mlp.up_proj"
  std::string_view has{};                 // "qweight"; "weight:U8" is a weight of that dtype
  std::vector<std::string_view> lacks{};  // "qzeros"; "a|b" is either
};

// In the order of the names. None where a shard cannot be read: it may hold them.
std::vector<LackingModule> lacking_modules(const Checkpoint& checkpoint);

}  // namespace shardwright
