// The stored tensors against the expected ones, computed once for all checks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/expand.h"
#include "checkpoint/checkpoint.h"

namespace shardwright {

struct ShapeMismatch {
  const ExpectedTensor* expected{};
  const Tensor* stored{};
};

struct Join {
  std::vector<const ExpectedTensor*> missing{};  // required, and nowhere stored
  std::vector<const ExpectedTensor*>
      lost{};                               // required, in a shard that is absent or cannot be read
  std::vector<const Tensor*> unexpected{};  // stored, not expected, not ignored
  std::vector<const Tensor*> ignored{};     // stored, and passed over by loaders
  std::vector<ShapeMismatch> mismatched{};
  std::uint64_t matched{};  // name and shape agree
  // A wrapper that explains all names: with this segment taken out of every name that has it, the
  // stored names are exactly the expected ones ("module.", "_orig_mod."). Empty otherwise.
  std::vector<std::string> wrappers{};
};

// Whether the shard's file is there and its header could be read as a list of tensors.
bool is_sound(const Shard& shard);

// The name with these segments taken out, at any depth.
std::string without_wrappers(std::string_view name, std::span<const std::string> wrappers);

Join join(const Checkpoint& checkpoint, const Expansion& expected);

}  // namespace shardwright
