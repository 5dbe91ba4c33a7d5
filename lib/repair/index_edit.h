// The index of a checkpoint whose shards change.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "repair/draft.h"
#include "shardwright/result.h"

namespace shardwright {

// Drafts of the shards that change, by the name that they have now.
using Drafts = std::map<std::string, DraftShard, std::less<>>;

// The text of an index to come.
struct IndexText {
  std::string text{};
  std::optional<std::uint64_t> total{};  // set where nothing but the value of total_size is another
};

// By the headers of the loaded shards as they will be. What the old index has beside its map and
// its total stays as it is written, and the map too where every entry is right: only a text that is
// no index at all is written from nothing. None where nothing changes.
Result<std::optional<IndexText>> rebuilt_index(const Checkpoint& checkpoint, const Drafts& drafts);

// The index that is there, with the entries of tensors that change following them, and all others
// as they are, even where they name what is not there: to tidy that up would hide a loss. None
// where no entry changes.
Result<std::optional<IndexText>> followed_index(const Checkpoint& checkpoint, const Drafts& drafts);

// The keys that the index has beside "metadata" and "weight_map", for a message; empty where it has
// none. Nobody but their writer knows what they say of the shards.
std::string members_carried(const Checkpoint& checkpoint);

}  // namespace shardwright
