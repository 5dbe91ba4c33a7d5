// Recipes that are good: everything that the grammar has, and what it becomes.
#include "merge/recipe.h"

#include <string_view>

#include <doctest/doctest.h>

#include "unit/merge/methods.h"

namespace shardwright {
namespace {

// Without mistakes, or the first of them fails the test.
RecipeFile good(std::string_view text) {
  auto file = parse_recipe(text, test::some_methods());
  for (const Mistake& mistake : file.mistakes)
    FAIL_CHECK(mistake.at.line << ":" << mistake.at.column << ": " << mistake.message);
  REQUIRE(file.recipes.size() == file.order.size());
  return file;
}

}  // namespace

TEST_CASE("recipe: models with parameters at both levels") {
  const RecipeFile file = good(R"(
merge_method: ties
base_model: org/base
models:
  - model: org/base
  - model: org/a@main
    parameters:
      weight: 0.5
      density: [1, 0.7, 0.1]
  - model: org/b+org/lora@v2
    parameters:
      weight:
        - filter: mlp
          value: [0, 0.5]
        - value: 1e-1
parameters:
  normalize: yes
  lambda: {filter: self_attn, value: 2}
  int8_mask: true
dtype: torch.bfloat16
out_dtype: float32
)");
  const Recipe& recipe = file.recipes.at(0);
  CHECK(recipe.method == "ties");
  CHECK(recipe.method_at == Mark{2, 15});
  CHECK(recipe.base->path == "org/base");
  CHECK(recipe.dtype == "bfloat16");
  CHECK(recipe.out_dtype == "float32");
  REQUIRE(recipe.body.models.size() == 3);
  const RecipeSource& a = recipe.body.models[1];
  CHECK(a.at == Mark{6, 5});
  CHECK(a.model.path == "org/a");
  CHECK(a.model.revision == "main");
  CHECK(evaluate(a.parameters.at(1), "x", 0.25) == 0.85);
  const RecipeSource& b = recipe.body.models[2];
  CHECK(b.model.text == "org/b+org/lora@v2");
  CHECK(b.model.lora == "org/lora");
  CHECK(b.model.lora_revision == "v2");
  CHECK(evaluate(b.parameters.at(0), "layers.0.mlp.up", 1) == 0.5);
  CHECK(evaluate(b.parameters.at(0), "norm", 1) == 0.1);
  REQUIRE(recipe.parameters.size() == 2);
  CHECK(evaluate(recipe.parameters[0], "x", 0) == 1.0);
  CHECK(!evaluate(recipe.parameters[1], "norm", 0));
  REQUIRE(file.notes.size() == 1);
  CHECK(file.notes[0].at == Mark{19, 3});
}

TEST_CASE("recipe: slices, with a base of their own and an unused key") {
  const RecipeFile file = good(R"(
slices:
  - sources:
      - {model: a, layer_range: [0, 16]}
      - {model: b, layer_range: ["16", 32.0]}
    base_model: b
    residual_weight: 0.5
    parameters: {t: 0.3}
  - sources:
      - model: a
        layer_range: [0, 8]
      - model: a
        layer_range: [8, 16]
base_model: a
merge_method: slerp
parameters:
  t: [0, 1]
)");
  const auto& slices = file.recipes.at(0).body.slices;
  REQUIRE(slices.size() == 2);
  CHECK(slices[0].sources.at(1).layers->begin == 16);
  CHECK(slices[0].sources.at(1).layers->end == 32);
  CHECK(slices[0].base->path == "b");
  CHECK(!slices[1].base);
  REQUIRE(file.notes.size() == 1);
  CHECK(file.notes[0].message == "'residual_weight' is passed over: no method uses it");
}

TEST_CASE("recipe: a base that is not listed is added to models, not to slices") {
  good("merge_method: slerp\nbase_model: a\nmodels: [{model: b}]\nparameters: {t: 0.5}\n");
  good("merge_method: linear\nbase_model: a\nmodels: [{model: b}]\nparameters: {weight: 1}\n");
  good(
      "merge_method: passthrough\nbase_model: a\nslices: [{sources: [{model: b, layer_range: [0, "
      "1]}]}]\n");
}

TEST_CASE("recipe: modules") {
  const RecipeFile file = good(R"(
merge_method: linear
modules:
  text_decoder:
    models:
      - {model: a, parameters: {weight: 1}}
  vision_tower:
    slices:
      - sources: [{model: a, layer_range: [0, 2]}]
    parameters: {weight: 2}
)");
  const auto& modules = file.recipes.at(0).modules;
  REQUIRE(modules.size() == 2);
  CHECK(modules[0].name == "text_decoder");
  CHECK(modules[0].at == Mark{4, 3});
  CHECK(modules[1].body.slices.size() == 1);
}

TEST_CASE("recipe: model references as maps") {
  const RecipeFile file = good(R"(
merge_method: linear
models:
  - model:
      model: {path: "./with+plus@home", revision: abc}
      lora: org/adapter@x
      override_architecture: MistralForCausalLM
  - model: {model: org/a@main, lora: null}
parameters: {weight: 1}
)");
  const ModelRef& first = file.recipes.at(0).body.models.at(0).model;
  CHECK(first.path == "./with+plus@home");
  CHECK(first.revision == "abc");
  CHECK(first.lora == "org/adapter");
  CHECK(first.lora_revision == "x");
  CHECK(first.architecture == "MistralForCausalLM");
  CHECK(file.recipes[0].body.models.at(1).model.text == "org/a@main");
}

TEST_CASE("recipe: tokenizers") {
  constexpr std::string_view kHead =
      "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}]\n";
  const auto tokenizer = [&](std::string_view rest) {
    return *good(std::string(kHead).append(rest)).recipes.at(0).tokenizer;
  };
  using Kind = TokenizerRecipe::Kind;
  CHECK(tokenizer("tokenizer_source: union\n").kind == Kind::kUnion);
  CHECK(tokenizer("tokenizer_source: base\n").legacy);
  CHECK(tokenizer("tokenizer_source: model:org/m\n").model.path == "org/m");
  CHECK(tokenizer("tokenizer_source: org/m@x\n").model.revision == "x");
  CHECK(tokenizer("tokenizer: {}\n").kind == Kind::kUnion);
  const TokenizerRecipe full = tokenizer(R"(
tokenizer:
  source: {model: a}
  pad_to_multiple_of: 64
  tokens:
    <|im_start|>: {source: a, force: true}
    <|im_end|>: {source: {kind: model_token, model: b, token: </s>}}
    <pad>: {source: {kind: model_token, model: b, token_id: 7}}
    "128": {source: {kind: zero}}
    <x>: {}
)");
  CHECK(full.kind == Kind::kModel);
  CHECK(full.pad_to_multiple_of == 64);
  REQUIRE(full.tokens.size() == 5);
  CHECK(full.tokens[0].kind == TokenRule::Kind::kModel);
  CHECK(full.tokens[0].force);
  CHECK(full.tokens[1].source_token == "</s>");
  CHECK(full.tokens[2].source_id == 7U);
  CHECK(full.tokens[3].kind == TokenRule::Kind::kZero);
  CHECK(full.tokens[4].kind == TokenRule::Kind::kDefault);
}

TEST_CASE("recipe: anchors and merge keys") {
  const RecipeFile file = good(R"(
merge_method: linear
models:
  - &a {model: a, parameters: &p {weight: 0.25}}
  - model: b
    parameters: *p
  - {<<: *a, model: c}
)");
  const auto& models = file.recipes.at(0).body.models;
  REQUIRE(models.size() == 3);
  CHECK(models[2].model.path == "c");
  CHECK(evaluate(models[2].parameters.at(0), "x", 0) == 0.25);
}

TEST_CASE("recipe: documents come after those that they need, the result last") {
  const auto file = parse_recipe(R"(
merge_method: passthrough
models: [{model: second}]
---
name: unused
merge_method: passthrough
models: [{model: x}]
---
name: second
merge_method: linear
models: [{model: first}, {model: first@rev}]
parameters: {weight: 1}
---
name: first
merge_method: passthrough
models: [{model: x}]
)",
                                 test::some_methods());
  CHECK(file.mistakes.empty());
  CHECK(file.order == std::vector<std::size_t>{3, 2, 0});
  REQUIRE(file.notes.size() == 1);
  CHECK(file.notes[0].message == "the document 'unused' is passed over: no other needs it");
}

}  // namespace shardwright
