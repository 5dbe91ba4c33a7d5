// What the rule would ask for if one key of the config had another value.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/expand.h"
#include "check/join.h"
#include "checkpoint/checkpoint.h"
#include "json/value.h"

namespace shardwright {

// Whether the config may contradict itself in more points than it does.
enum class MoreContradictions { kNone, kAny };

// The expansion with `value` at the dotted key, in the same class and layout. None where it is not
// usable, or contradicts itself more than it may.
std::optional<Expansion> expand_with(const Expansion& expected, const json::Value& config,
                                     std::string_view key, json::Value value,
                                     MoreContradictions allowed = MoreContradictions::kNone);

// The config with `value` at the dotted key; none where a step of it is no object.
std::optional<json::Value> with_value(const json::Value& config, std::string_view key,
                                      json::Value value);

// The same for a whole config that does not contradict itself more.
std::optional<Expansion> expand_config(const Expansion& expected, const json::Value& config,
                                       MoreContradictions allowed = MoreContradictions::kNone);

// A pointer into a config (RFC 6901) as a dotted key.
std::string dotted_key(std::string_view pointer);

// The key (dotted) that counts the layers; empty where the rule has none.
std::string layers_key(const Expansion& expected);

// Whether each stored tensor is asked for in its shape, or passed over, and none is missing.
bool fits(const Checkpoint& checkpoint, const Expansion& expansion);
// How many tensors are not as that asks.
std::size_t count_differences(const Checkpoint& checkpoint, const Expansion& expansion);

// The messages of the problems that `other` has not.
std::vector<std::string> resolved_by(const Expansion& other, const Expansion& expected);

// How many other values may be tried. A try expands the rule: of a model with very many tensors
// few.
std::size_t most_tries(const Expansion& expected);

// What is said of a key that has another value than the stored tensors imply.
ImpliedValue implied_value(const json::Value& config, std::string key, const json::Value& stated,
                           const json::Value& implied);

// Of a key (dotted) of the rule's the spelling that the config holds; the architecture's own where
// it holds none.
std::string spelling_in(const json::Value& config, const Schema& schema, std::string_view key);

}  // namespace shardwright
