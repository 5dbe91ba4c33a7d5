// A recipe: whatever it is, what is said of it has a place inside its text, and what is not
// complained of can be used.
#include <algorithm>
#include <cmath>
#include <string>

#include "fuzz/target.h"
#include "merge/recipe.h"
#include "moe/recipe.h"
#include "unit/merge/methods.h"

namespace {

using namespace shardwright;

void check_place(std::string_view text, Mark at) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  PROPERTY(at.line >= 1 && at.column >= 1);
  for (int line = 1; line < at.line; ++line) {
    const std::size_t end = text.find('\n');
    PROPERTY(end != std::string_view::npos);
    text.remove_prefix(end + 1);
  }
  PROPERTY(static_cast<std::size_t>(at.column) <= text.substr(0, text.find('\n')).size() + 1);
}

void check_parameters(const Parameters& parameters) {
  for (const Parameter& parameter : parameters) {
    PROPERTY(!parameter.conditions.empty());
    PROPERTY(std::ranges::count(parameters, parameter.name, &Parameter::name) == 1);
    for (const std::string_view tensor :
         {"", "model.layers.1.mlp.up_proj.weight", "lm_head.weight"}) {
      for (const double t : {0.0, 1.0 / 3, 0.5, 1.0}) {
        const auto value = evaluate(parameter, tensor, t);
        PROPERTY(!value || std::isfinite(*value));
      }
    }
  }
}

void check_sources(const std::vector<RecipeSource>& sources, bool of_slice) {
  PROPERTY(!of_slice || !sources.empty());
  for (const RecipeSource& source : sources) {
    PROPERTY(!source.model.path.empty());
    PROPERTY(source.layers.has_value() == of_slice);
    PROPERTY(!of_slice || source.layers->begin < source.layers->end);
    check_parameters(source.parameters);
  }
}

void check_body(const RecipeBody& body) {
  PROPERTY(body.models.empty() != body.slices.empty());
  check_sources(body.models, false);
  for (const RecipeSlice& slice : body.slices) {
    check_sources(slice.sources, true);
    check_parameters(slice.parameters);
  }
}

// The same of a recipe for a mixture; its files of prompts hold the text of their path.
void check_mixture(std::string_view text) {
  const MoeRecipeFile file = parse_moe_recipe(
      text, {.read_prompts = [](const std::string& path) { return Result<std::string>(path); }});
  for (const Mistake& mistake : file.mistakes)
    check_place(text, mistake.at);
  if (!file.mistakes.empty()) return;
  PROPERTY(file.recipe.has_value());
  const MoeRecipe& recipe = *file.recipe;
  PROPERTY(!recipe.base.path.empty() && !recipe.experts.empty());
  PROPERTY(recipe.per_token >= 1 && recipe.per_token <= recipe.experts.size());
  for (const auto* experts : {&recipe.experts, &recipe.shared}) {
    for (const MoeExpert& expert : *experts) {
      PROPERTY(!expert.model.path.empty());
      PROPERTY(std::isfinite(expert.scale) && std::isfinite(expert.noise) && expert.noise >= 0);
    }
  }
}

void check_usable(const RecipeFile& file) {
  PROPERTY(!file.recipes.empty() && !file.order.empty());
  for (const std::size_t i : file.order)
    PROPERTY(i < file.recipes.size() && std::ranges::count(file.order, i) == 1);
  for (const Recipe& recipe : file.recipes) {
    check_parameters(recipe.parameters);
    if (recipe.modules.empty()) check_body(recipe.body);
    for (const RecipeModule& module : recipe.modules) {
      check_body(module.body);
      check_parameters(module.parameters);
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(data, size);
  const auto file = parse_recipe(text, test::some_methods());
  for (const Mistake& mistake : file.mistakes)
    check_place(text, mistake.at);
  for (const Mistake& note : file.notes)
    check_place(text, note.at);
  PROPERTY(std::ranges::is_sorted(file.mistakes, {}, &Mistake::at));
  if (file.mistakes.empty()) check_usable(file);
  check_mixture(text);
  return 0;
}
