// Whether everything that should be stored is: what must be proven before an index is rebuilt,
// since an index rebuilt after a loss would hide the loss.
#pragma once

#include <string>

#include "check/join.h"
#include "shardwright/finding.h"

namespace shardwright {

struct Model;

// A tensor that the rule requires is nowhere stored, or out of reach.
bool lacks_tensors(const Join& join);

struct Coverage {
  bool complete{};
  std::string gap{};  // what is missing, as a clause: "shard 3 of 4 is absent"
};

// Complete: every loaded shard can be read, none that is named or numbered is absent, and the rule
// misses nothing beyond what shards of the set hold that the index leaves out. A number may be
// absent where the rule proves that nothing is lost with it: all that a checkpoint of this config
// can hold is there, once. Where no rule could be compared: every name of the index is stored, or,
// without a usable index, the numbers of the shards are whole.
Coverage coverage(const Model& model);

// Writing the index from the headers: safe where the coverage is complete, else never.
Fix rebuild_fix(const Model& model, std::string summary);
// The same, and the shards get the numbers of a set where they say others.
Fix number_fix(const Model& model);

}  // namespace shardwright
