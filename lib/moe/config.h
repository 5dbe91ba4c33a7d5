// The config of a mixture: that of the base, with what the mixture's architecture asks for, and
// with what the base's class takes for granted and the mixture's does not. And the way back.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "merge/plan.h"
#include "moe/rule.h"
#include "shardwright/result.h"

namespace shardwright {

struct MixtureCounts {
  std::size_t experts{}, shared{}, per_token{};
};

struct MixtureConfig {
  std::vector<ConfigValue> values{};  // that the text of the one that it is made of gets
  json::Document document{};          // what it is then
};

// `target`: the mixture's architecture. Errors where the base's config gives a setting no value.
Result<MixtureConfig> mixture_config(const MixtureRule& rule, const MergeInput& base,
                                     const Schema& target, const MixtureCounts& counts);

// Of the dense model that has one expert of the mixture; `back` is of the rule's, `target` the
// architecture that it names.
Result<MixtureConfig> dense_config(const MixtureRule& rule, const MixtureSource& back,
                                   const MergeInput& mixture, const Schema& target);

}  // namespace shardwright
