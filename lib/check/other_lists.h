// Lists of the config that say something of each layer, with what the stored layers say.
#pragma once

#include <cstddef>
#include <vector>

#include "arch/expand.h"
#include "check/join.h"
#include "checkpoint/checkpoint.h"
#include "json/value.h"

namespace shardwright {

// One key that has another value, and what the rule asks for then.
struct OtherSetting {
  ImpliedValue value{};
  json::Value raw{};
  std::size_t left{};  // differences that remain
};

// The lists that would be others.
std::vector<OtherSetting> other_lists(const Checkpoint& checkpoint, const Expansion& expected);

}  // namespace shardwright
