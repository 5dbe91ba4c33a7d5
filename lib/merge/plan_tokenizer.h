// The tokenizer of a result: its vocabulary, the rows that the inputs' embeddings have for it, and
// the files and config values that follow.
#pragma once

#include <cstddef>
#include <vector>

#include "merge/plan.h"
#include "merge/recipe.h"
#include "merge/view.h"

namespace shardwright {

struct TokenizerTask {
  const Recipe& recipe;
  const std::vector<MergeInput>& inputs;
  std::vector<bool> merged{};  // by input: a source of a slice
  std::size_t donor{};
  bool compat{};
};

// Does what `tokenizer`, `tokenizer_source` and `chat_template` of the recipe ask for: embeddings
// and heads in `views` get a row for each token of the result, and the plan its files and config
// values. What stands in the way is told in `mistakes`.
void plan_tokenizer(const TokenizerTask& task, std::vector<View>& views, MergePlan& plan,
                    std::vector<Mistake>& mistakes);

}  // namespace shardwright
