// The elements of a tensor of an archive, in their order.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "io/source.h"
#include "pickle/archive.h"
#include "shardwright/result.h"

namespace shardwright::pickle {

// Fills `into` from byte `from` of the tensor as it is with its elements one behind the other. Of
// views whose elements lie scattered, a piece at a time is gathered: memory does not grow with the
// tensor. kInvalidArgument past its end, kIo.
Status read_elements(const ByteSource& source, const StoredTensor& tensor, std::uint64_t from,
                     MutableBytes into);

}  // namespace shardwright::pickle
