// Tensors of a quantised checkpoint that are neither of the rule nor of the method.
#pragma once

#include <vector>

#include "check/join.h"

namespace shardwright {

// Tensors of an adapter of PEFT, and those that it stands beside, where there are any.
std::vector<const Tensor*> adapter_tensors(const Checkpoint& checkpoint, const Expansion& expected,
                                           const Join& join);

// Weights and biases, plain or stored in one tensor in their place, that the rule has no place for,
// in a checkpoint whose names are otherwise the rule's.
//
// What else methods put beside a weight is of their own naming, and never one of these. Left out
// are those of experts, which the methods stack and divide in ways of their own, of later layers,
// which are told of elsewhere, and what a method is known to add: the zero biases that AutoGPTQ
// gave every module, and the rotations of compressed-tensors (transform_config).
std::vector<const Tensor*> strangers(const Checkpoint& checkpoint, const Expansion& expected,
                                     const Join& join);

}  // namespace shardwright
