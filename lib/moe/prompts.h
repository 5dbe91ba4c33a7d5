// Prompts as the tokens that the base's tokenizer makes of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "moe/recipe.h"
#include "shardwright/result.h"
#include "tokenizer/token_table.h"

namespace shardwright {

using Prompt = std::vector<TokenId>;

struct ExpertPrompts {
  std::vector<Prompt> positive{}, negative{};
};

// Of all experts, and then of the shared ones that have prompts, in the recipe's order. Each prompt
// has the text of the tokenizer's `bos_token` before it, where there is one; no other special token
// is added. kNotFound where the model has no tokenizer; other errors name the prompt.
Result<std::vector<ExpertPrompts>> encode_prompts(const Checkpoint& base, const MoeRecipe& recipe);

}  // namespace shardwright
