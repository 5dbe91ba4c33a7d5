// Ids of tokens in config.json and generation_config.json, where the vocabulary changes.
#pragma once

#include "checkpoint/checkpoint.h"
#include "merge/plan.h"
#include "tokenizer/vocabulary.h"

namespace shardwright {

struct TokenIds {
  const Vocabulary& from;  // what the donor's ids mean
  const Vocabulary& to;    // of the result
  const Checkpoint& donor;
  const Checkpoint& source;  // whose tokenizer the result has
};

// Each value under a key such as `eos_token_id`, in the donor's config (nested ones too) and its
// generation_config.json, becomes the id that the same token has in the result. Where the result
// has not got the token, the source's own value stands in, or null, and a note says so. A number
// that is no token's id stays.
void map_token_ids(const TokenIds& ids, MergePlan& plan);

}  // namespace shardwright
