// An input in another layout of its architecture: the tensors that a merge sees, each made of those
// that are stored.
#pragma once

#include <memory>
#include <vector>

#include "arch/layout.h"
#include "io/source.h"
#include "merge/view.h"
#include "shardwright/result.h"

namespace shardwright {

// Gives the view the names and tensors of `map.to`; those that the map does not know keep theirs.
// `sources` get what the new tensors are read from. kInvalidArgument where a tensor cannot be made,
// since parts of it are not stored or do not fit. The map must outlive the view.
Status relay(View& view, const LayoutMap& map,
             std::vector<std::shared_ptr<const ByteSource>>& sources);

}  // namespace shardwright
