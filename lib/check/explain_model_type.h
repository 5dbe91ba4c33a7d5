// The stored tensors are those of another model_type than the config's.
#pragma once

#include <span>
#include <string_view>

#include "arch/catalogue.h"
#include "arch/detect.h"
#include "check/join.h"

namespace shardwright {

// Where the rule leaves something unexplained and another one, expanded by the same config, expects
// exactly what is stored, in its shapes, that is the one cause: the join keeps nothing else. Where
// tensors are missing and nothing else differs, they may as well be lost: the other type is a
// possibility then. Costs one expansion for each rule that has all the names.
void explain_model_type(const Catalogue& catalogue, const Detection& detection,
                        const Checkpoint& checkpoint, const Expansion& expected, Join& join);

}  // namespace shardwright
