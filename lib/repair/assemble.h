// Tensors made of parts of others, while they are read.
#pragma once

#include <vector>

#include "repair/draft.h"
#include "write/planned_file.h"

namespace shardwright {

// The bytes of the tensor from its parts, in pieces of any size and place. Transposed parts are of
// whole bytes an element. The stored tensors must outlive the producer.
PlannedFile::Producer assembled(std::vector<DraftPart> parts);

}  // namespace shardwright
