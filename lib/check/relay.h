// Whether a shard can be written anew from its own header without losing anything: what the fixes
// of gaps, trailing bytes, alignment and metadata have in common.
#pragma once

#include <cstdint>
#include <string>

#include "checkpoint/checkpoint.h"
#include "shardwright/finding.h"

namespace shardwright {

struct Model;

enum class Relay : std::uint8_t {
  kImpossible,     // some tensor of the file cannot be read, or nobody knows whose the bytes are
  kLosesMetadata,  // all tensors can, but not all of __metadata__ is text
  kWhole,
};
Relay relay_of(const Shard& shard);

// Writing the shard anew: safe where nothing is lost, unsafe where some metadata is, else never.
Fix relay_fix(const Shard& shard, std::string summary);

// The same where bytes that no header entry owns are left out: never, where tensors are missing
// whose bytes they may be.
Fix relay_fix_without_unowned(const Model& model, const Shard& shard, std::string summary);

}  // namespace shardwright
