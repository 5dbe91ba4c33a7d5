// Which of several sets of shards, that no index tells apart, is the model.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace shardwright {

struct Model;

struct OneWholeSet {
  std::string text{};                 // "model-*-of-00003.safetensors"
  std::vector<std::string> others{};  // the loaded files that are not of it
};

// Without an index, the one set of which all numbers are there, and whose tensors are all that the
// rule needs, once, in the right shapes, and nothing else. None where two are whole, no rule says
// it, or a file is of no set.
std::optional<OneWholeSet> one_whole_set(const Model& model);

}  // namespace shardwright
