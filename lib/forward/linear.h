// y = x w' + b, where w is read as it is used.
#pragma once

#include <span>
#include <vector>

#include "base/meter.h"
#include "forward/decoder.h"
#include "shardwright/result.h"

namespace shardwright {

// x [rows, in], y [rows, out]. The outputs are parts that do not depend on the number of threads,
// and each is computed by one. kInterrupted where the meter's monitor stops it.
Status apply(const LinearMap& map, std::span<const float> x, std::span<float> y, int threads,
             Meter* meter);

// All numbers of a tensor.
Result<std::vector<float>> all_floats(const Tensor& tensor);

// Floats that one thread needs to apply a map of so many inputs.
std::size_t slab_floats(std::size_t in);

}  // namespace shardwright
