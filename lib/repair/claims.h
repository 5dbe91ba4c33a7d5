// Which fixes contradict each other.
//
// A fix is applied whole or not at all. Two that want different things of one place are both left,
// and named: their order in a list must not decide what becomes of a model.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "repair/stored.h"
#include "shardwright/finding.h"

namespace shardwright {

// Takes out of `findings` those whose fixes contradict each other or cannot be applied to this
// model, and says of each why. Every finding has a fix with edits.
std::vector<std::string> take_out_contradictions(const Stored& stored,
                                                 std::vector<const Finding*>& findings);

// The tensors that these fixes drop.
std::set<const Tensor*> dropped_tensors(const Stored& stored,
                                        const std::vector<const Finding*>& findings);

}  // namespace shardwright
