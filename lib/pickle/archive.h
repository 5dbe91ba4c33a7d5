// A file that torch.save wrote (the zip form of torch 1.6 and later): the tensors of its state
// dict, and where their bytes lie. Nothing of the file is run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/source.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"
#include "tensor/shape.h"

namespace shardwright::pickle {

// Names of one weight share bytes; views may overlap.
struct StoredTensor {
  std::string name{};
  DType dtype{};  // of 8 bits or more
  Shape shape{};
  Shape strides{};        // in elements
  std::uint64_t begin{};  // of the first element's bytes in the file
  std::uint64_t bytes{};  // of all elements, one behind the other
  bool dense{};           // they lie so in the file
};

// In the state dict's order; every element of each lies in the file. kMalformed where the file is
// broken or cut short, kUnsupported where it holds anything but tensors by name, or is of the form
// before torch 1.6: messages say which, and what helps. Time and memory are linear in the size of
// what describes the tensors.
Result<std::vector<StoredTensor>> read_archive(const ByteSource& source);

}  // namespace shardwright::pickle
