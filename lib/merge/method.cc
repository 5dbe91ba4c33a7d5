#include "merge/method.h"

namespace shardwright {

double PassResult::total(std::size_t i) const {
  double total = 0;
  for (std::size_t at = i; at < blocks.size(); at += sums)
    total += blocks[at];
  return total;
}

std::optional<PassShape> MergeProgram::pass(int /*index*/) const {
  return std::nullopt;
}

void MergeProgram::gather(int /*index*/, const Chunk& /*chunk*/, Tally /*tally*/) const {}

void MergeProgram::conclude(int /*index*/, const PassResult& /*result*/) {}

}  // namespace shardwright
