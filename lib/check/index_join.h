// The stored tensors against the index, computed once for all checks.
//
// What an absent, unreadable or replaced shard explains is taken out: that shard has its own
// finding.
#pragma once

#include <cstdint>
#include <vector>

#include "check/replaced_shards.h"
#include "checkpoint/checkpoint.h"

namespace shardwright {

// The index places the tensor in a shard that does not hold it, and another loaded shard does.
struct MisplacedTensor {
  const IndexEntry* entry{};
  const Tensor* stored{};
};

// A tensor in two loaded shards: transformers keeps the later one.
struct StoredTwice {
  const Tensor* earlier{};
  const Tensor* kept{};
};

// A shard that the index names and the folder has not.
struct AbsentShard {
  const Shard* shard{};
  std::vector<const IndexEntry*> entries{};  // that the index places there
  std::vector<const IndexEntry*> lost{};     // of them, those that no other loaded shard holds
};

struct IndexJoin {
  std::vector<StoredTwice> twice{};  // also without an index
  // The rest only where the index decides.
  std::vector<AbsentShard> absent{};
  std::vector<ReplacedShard> replaced{};
  std::vector<const IndexEntry*> phantoms{};  // in another shard that is there, and nowhere stored
  std::vector<MisplacedTensor> misplaced{};
  std::vector<const Tensor*> unindexed{};  // stored and not named
};

// Two members "weight_map": loaders see the last, and nothing of what the first names.
bool has_two_maps(const Index& index);

// Pointers live as long as the checkpoint, wherever it is moved.
IndexJoin join_index(const Checkpoint& checkpoint);

}  // namespace shardwright
