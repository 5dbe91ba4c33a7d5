// The config of a mixture of which some experts are kept.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "json/value.h"
#include "merge/plan.h"
#include "shardwright/result.h"

namespace shardwright {

struct PrunedConfig {
  std::vector<ConfigValue> values{};  // that the model's text gets
  json::Document document{};          // what it is then
  std::vector<std::string> notes{};
};

// `kept`: numbers of experts that the model has, ascending; `kept` of them are counted, and a token
// goes to no more of them. kInvalidArgument where a router that chooses among groups of experts
// could not do so any more; says what would do.
Result<PrunedConfig> pruned_config(const MergeInput& model, std::span<const std::uint64_t> kept);

}  // namespace shardwright
