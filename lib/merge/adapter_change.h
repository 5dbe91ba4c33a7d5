// What an adapter makes of one tensor of its base.
#pragma once

#include <cstdint>

#include "checkpoint/checkpoint.h"
#include "merge/adapted_source.h"
#include "shardwright/result.h"

namespace shardwright {

struct AdapterChange {
  const Tensor* base{};
  std::uint64_t base_bytes{};  // of the disk, for all of the base
  const Tensor* saved{};       // in the place of the base
  AdaptedTensor computed{};    // from either, but for its `base`

  [[nodiscard]] const Tensor& from() const { return saved != nullptr ? *saved : *base; }
  [[nodiscard]] bool is_computed() const;
  // Of trained tokens: PEFT gives them to whatever is tied, too.
  [[nodiscard]] bool is_rows_alone() const;
  // That all of it takes: the base and the factors; DoRA goes over the base once more.
  [[nodiscard]] std::uint64_t read_bytes() const;
};

// Whether both make the same of the same tensor. Reads what the adapter holds of them.
Result<bool> same_change(const AdapterChange& a, const AdapterChange& b);

}  // namespace shardwright
