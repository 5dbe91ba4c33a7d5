// Cases made from a rule: the whole checkpoint of an architecture's example, but for what the case
// is about. A description
//
//   {"rule": "llama", "config": {"num_hidden_layers": 3}, "drop": ["model.norm.weight"]}
//
// becomes a fixture (tests/support/fixture.h) of config.json and model.safetensors. Its keys:
//   "config"   merged over the rule's example, before the tensors are computed
//   "layout"   the on-disk form
//   "drop"     names that are not stored; one * stands for any text
//   "rename"   {name: other name}
//   "prefix"   put before every name
//   "shape", "dtype", "fill"   {name: what it has instead}
//   "add"      {name: {"dtype", "shape", "fill"}}
//   "says"     merged over config.json alone, after the tensors were computed; null removes a key
//   "shards"   how many shards the tensors are divided into, with an index; or their names
//   "files"    further files, or others in place of these
#pragma once

#include <string>
#include <string_view>

namespace shardwright::test {

// The fixture's description; one without "rule" is returned as it is. Throws std::runtime_error.
std::string rule_case(std::string_view description);

}  // namespace shardwright::test
