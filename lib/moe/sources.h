// Tensors of a mixture that no file holds: scaled, disturbed, drawn at random, or given.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "io/source.h"
#include "merge/random.h"

namespace shardwright {

// What is done to each element of a tensor: x * scale + plus + noise * a number of N(0, 1).
struct ElementChange {
  double scale = 1;
  double plus{};
  double noise{};
  RandomKey key{};

  [[nodiscard]] bool is_none() const { return scale == 1 && plus == 0 && noise == 0; }
};

// The tensor as F32, changed. `tensor`'s bytes must outlive it.
std::shared_ptr<const ByteSource> changed_source(const Tensor& tensor, const ElementChange& change);

// Numbers of N(0, 1), or uniform ones between -`bound` and `bound` where that is above 0; F32.
std::shared_ptr<const ByteSource> random_source(std::uint64_t elements, const RandomKey& key,
                                                double bound);

// Numbers that are known; F32.
std::shared_ptr<const ByteSource> given_source(std::vector<float> values);

// As many zeros.
std::shared_ptr<const ByteSource> zeros_source(std::uint64_t elements);

}  // namespace shardwright
