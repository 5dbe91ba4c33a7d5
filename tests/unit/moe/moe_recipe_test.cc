#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "moe/recipe.h"

namespace shardwright {
namespace {

std::string told(std::string_view text, const MoeRecipeOptions& options = {}) {
  std::string out;
  for (const Mistake& mistake : parse_moe_recipe(text, options).mistakes)
    out += fmt::format("{}:{} {}\n", mistake.at.line, mistake.at.column, mistake.message);
  return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("moe recipe: everything that it may say") {
  const auto file = parse_moe_recipe(R"(base_model: a
gate_mode: cheap_embed
dtype: bf16
experts_per_token: 1
architecture: Mixtral
experts:
  - source_model: b+adapter
    positive_prompts: [x, y]
    negative_prompts: [z]
    noise_scale: 0.5
    residual_scale: 0.1
  - source_model: a
    positive_prompts: [w]
shared_experts:
  - source_model: b
)");
  REQUIRE(file.mistakes.empty());
  const MoeRecipe& recipe = *file.recipe;
  CHECK(recipe.base.path == "a");
  CHECK(recipe.gate == GateMode::kEmbedding);
  CHECK(recipe.dtype == "bfloat16");
  CHECK(recipe.per_token == 1);
  CHECK(recipe.architecture == "Mixtral");
  REQUIRE(recipe.experts.size() == 2);
  CHECK(recipe.experts[0].model.lora == "adapter");
  CHECK(recipe.experts[0].positive == Texts{"x", "y"});
  CHECK(recipe.experts[0].negative == Texts{"z"});
  CHECK(recipe.experts[0].noise == 0.5);
  CHECK(recipe.experts[0].scale == 0.1);
  CHECK(recipe.experts[1].scale == 1);
  CHECK(recipe.shared.size() == 1);
  Texts models;
  for (const ModelRef& model : models_of(recipe))
    models.push_back(model.text);
  CHECK(models == Texts{"a", "b+adapter", "b"});
}

TEST_CASE("moe recipe: what is absent") {
  const auto file = parse_moe_recipe(
      "base_model: a\nexperts: [{source_model: b, positive_prompts: [x]},\n"
      "          {source_model: c, positive_prompts: [y]}]\n");
  REQUIRE(file.mistakes.empty());
  CHECK(file.recipe->gate == GateMode::kHidden);
  CHECK(file.recipe->per_token == 2);
  CHECK(file.recipe->dtype.empty());
}

TEST_CASE("moe recipe: all mistakes at once, with their places") {
  CHECK(told("") == "1:1 the recipe is empty\n");
  CHECK(told("gate_mod: random\nexperts:\n  - source_mode: a\n    noise_scale: -1\n") ==
        "1:1 unknown key 'gate_mod' in the recipe; did you mean 'gate_mode'?\n"
        "1:1 the recipe needs the key 'base_model'\n"
        "1:1 'experts_per_token' is 2, which is more than the 1 that the recipe gives\n"
        "3:5 unknown key 'source_mode' in an entry of 'experts' or 'shared_experts'; did you mean "
        "'source_model'?\n"
        "4:18 'noise_scale' takes a number from 0 up\n");
  CHECK(told("base_model: a\nmerge_method: linear\ngate_mode: randm\nexperts_per_token: 0\n"
             "dtype: int3\nexperts: []\n") ==
        "2:1 unknown key 'merge_method' in the recipe: it is one of a merge, which 'shardwright "
        "merge' makes\n"
        "3:12 'gate_mode' is 'hidden', 'hidden_avg', 'hidden_last', 'cheap_embed', 'random' or "
        "'uniform_random', not 'randm'; did you mean 'random'?\n"
        "4:20 'experts_per_token' is at least 1\n"
        "5:8 'dtype' is 'bfloat16', 'float16', 'float32' or 'float64', not 'int3'\n"
        "6:10 'experts' is an empty list\n");
}

TEST_CASE("moe recipe: experts that a gate could not tell apart") {
  constexpr std::string_view kSame =
      "base_model: a\ngate_mode: hidden\nexperts:\n"
      "  - {source_model: b, positive_prompts: [x]}\n  - {source_model: b, positive_prompts: "
      "[y]}\n";
  CHECK(told(kSame).starts_with("4:5 all experts are one model"));
  CHECK(told(kSame, {.allow_all_same = true}).empty());
  CHECK(told("base_model: a\nexperts:\n  - {source_model: b, positive_prompts: [x]}\n"
             "  - {source_model: c, positive_prompts: [x]}\n")
            .starts_with("3:5 all experts have the same prompts"));
  CHECK(told("base_model: a\nexperts:\n  - {source_model: b, positive_prompts: x}\n"
             "  - {source_model: c}\n") ==
        "3:5 gate_mode 'hidden' needs 'positive_prompts' of each expert; 'random' needs none\n"
        "3:41 'positive_prompts' takes a list: write '- ' before the prompt\n"
        "4:5 gate_mode 'hidden' needs 'positive_prompts' of each expert; 'random' needs none\n");
  CHECK(told("base_model: a\ngate_mode: uniform_random\nexperts:\n"
             "  - {source_model: b}\n  - {source_model: b}\n")
            .empty());
  CHECK(told("base_model: a\nexperts:\n  - {source_model: b, positive_prompts_file: none.txt}\n")
            .find("'positive_prompts_file': ") != std::string::npos);
}

}  // namespace shardwright
