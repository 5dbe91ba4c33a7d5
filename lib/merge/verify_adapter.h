// Whether a merged model holds what an adapter changes.
#pragma once

#include <cstdint>

#include "checkpoint/checkpoint.h"
#include "merge/adapt.h"
#include "shardwright/result.h"

namespace shardwright {

struct DeltaMatch {
  double delta_delta{};   // the sum of delta * delta, where delta = adapted - base
  double delta_merged{};  // of delta * (merged - base)
  double largest{};       // |merged - adapted|
  std::uint64_t apart{};  // elements where that is more than roundings make
  // How much of the delta is there, by least squares; 1 where there is no delta.
  [[nodiscard]] double share() const { return delta_delta > 0 ? delta_merged / delta_delta : 1; }
};

// `merged` has the shape of the adapted tensor and is of floats. Streams all three.
Result<DeltaMatch> match_delta(const Adapted& adapted, const Tensor& merged);

}  // namespace shardwright
