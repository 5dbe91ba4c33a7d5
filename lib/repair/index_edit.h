// The index of a checkpoint whose shards change.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "repair/draft.h"

namespace shardwright {

// Drafts of the shards that change, by the name that they have now.
using Drafts = std::map<std::string, DraftShard, std::less<>>;

// Written from the headers of the loaded shards as they will be; other members of the old index's
// metadata stay.
std::string rebuilt_index(const Checkpoint& checkpoint, const Drafts& drafts);

// The index that is there, with the entries of tensors that change following them, and all others
// as they are, even where they name what is not there: to tidy that up would hide a loss. None
// where no entry changes.
std::optional<std::string> followed_index(const Checkpoint& checkpoint, const Drafts& drafts);

}  // namespace shardwright
