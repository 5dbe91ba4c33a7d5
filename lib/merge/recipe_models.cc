// The models that a recipe names.
#include <algorithm>
#include <vector>

#include "merge/recipe.h"

namespace shardwright {
namespace {

void add_once(std::vector<ModelRef>& models, const ModelRef& model) {
  if (std::ranges::find(models, model) == models.end()) models.push_back(model);
}

void add_body(std::vector<ModelRef>& models, const RecipeBody& body) {
  for (const RecipeSource& source : body.models)
    add_once(models, source.model);
  for (const RecipeSlice& slice : body.slices) {
    for (const RecipeSource& source : slice.sources)
      add_once(models, source.model);
    if (slice.base) add_once(models, *slice.base);
  }
}

}  // namespace

std::vector<ModelRef> models_of(const Recipe& recipe) {
  std::vector<ModelRef> models;
  add_body(models, recipe.body);
  for (const RecipeModule& module : recipe.modules)
    add_body(models, module.body);
  if (recipe.base) add_once(models, *recipe.base);
  if (recipe.tokenizer) {
    if (recipe.tokenizer->kind == TokenizerRecipe::Kind::kModel)
      add_once(models, recipe.tokenizer->model);
    for (const TokenRule& rule : recipe.tokenizer->tokens) {
      if (rule.kind == TokenRule::Kind::kModel || rule.kind == TokenRule::Kind::kModelToken)
        add_once(models, rule.model);
    }
  }
  return models;
}

}  // namespace shardwright
