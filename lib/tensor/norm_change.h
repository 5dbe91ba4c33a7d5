// How long a tensor is that was made of others.
#pragma once

namespace shardwright {

// Euclidean norms over the same elements of each, all or an even part of them.
struct NormChange {
  double result{};
  double least{}, most{};  // of those that it was made of
};

}  // namespace shardwright
