// The rows that the inputs' embeddings and heads have for the tokens of a result.
#pragma once

#include <vector>

#include "merge/plan.h"
#include "merge/plan_tokenizer.h"
#include "merge/plan_vocabulary.h"
#include "merge/view.h"

namespace shardwright {

// Gives each embedding and head in `views` a row for each token, where a recipe asks for a
// tokenizer. What stands in the way is told in `mistakes`.
void plan_rows(const TokenizerTask& task, const PlannedVocabulary& vocabulary,
               std::vector<View>& views, MergePlan& plan, std::vector<Mistake>& mistakes);

}  // namespace shardwright
