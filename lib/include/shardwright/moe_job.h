// `shardwright moe` as a library call.
#pragma once

#include <string>

#include "shardwright/merge_job.h"
#include "shardwright/result.h"

namespace shardwright {

struct MoeOptions {
  MergeOptions merge{};        // its `compat` and `copy_tokenizer` mean nothing here
  std::string architecture{};  // in place of the recipe's
  bool allow_all_same{};       // experts of one model under a gate that is made from prompts
};

// Reads the recipe of a mixture of experts, checks its models, plans, checks what would come of it,
// and writes it, as merge() does.
Result<MergeReport> moe(const std::string& recipe_path, const MoeOptions& options);

}  // namespace shardwright
