// Matrices with their extents swapped, while they are read.
#pragma once

#include "repair/draft.h"
#include "write/planned_file.h"

namespace shardwright {

// The bytes of a transposed part: each [rows, columns] matrix of the source as [columns, rows]. The
// elements are whole bytes. The tensor must outlive the producer.
PlannedFile::Producer transposed(const DraftPart& part);

}  // namespace shardwright
