// Recipes that are bad: each row is a recipe and all that is said of it, with line and column.
#include <array>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "merge/recipe.h"
#include "unit/merge/methods.h"

namespace shardwright {
namespace {

struct BadRecipe {
  std::string_view text;
  std::string_view expected;  // "line:column message", one a line
};

std::string mistakes(std::string_view text) {
  const auto file = parse_recipe(text, test::some_methods());
  std::string out;
  for (const Mistake& mistake : file.mistakes) {
    out += fmt::format("{}{}:{} {}", out.empty() ? "" : "\n", mistake.at.line, mistake.at.column,
                       mistake.message);
  }
  return out;
}

template <std::size_t N>
void check(const std::array<BadRecipe, N>& cases) {
  for (const BadRecipe& c : cases) {
    CAPTURE(c.text);
    CHECK(mistakes(c.text) == c.expected);
  }
}

// A good recipe to which the rest of a case is added from line 3 on.
#define GOOD "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}]\n"

}  // namespace

TEST_CASE("recipe mistakes: keys") {
  check(std::array<BadRecipe, 13>{{
      {"", "1:1 the recipe is empty"},
      {"merge_method:linear\n",
       "1:1 the recipe is a map of keys, not the text 'merge_method:linear'"},
      {GOOD "dtyp: float16\n", "3:1 unknown key 'dtyp' in the recipe; did you mean 'dtype'?"},
      {GOOD "zzzzzzzzz: 1\n",
       "3:1 unknown key 'zzzzzzzzz' in the recipe; expected 'merge_method', 'models', 'slices', "
       "'modules', 'base_model', 'parameters', 'dtype', 'out_dtype', 'tokenizer', "
       "'tokenizer_source', 'chat_template' or 'name'"},
      {GOOD "experts: []\n",
       "3:1 unknown key 'experts' in the recipe: it is one of a mixture of experts, which "
       "'shardwright moe' makes"},
      {GOOD "dtype: float16\ndtype: float32\n",
       "4:1 the key 'dtype' stands twice in the recipe, in line 3 too"},
      {"merge_method: linear\nmodels:\n  - model: a\n    weight: 1\n",
       "4:5 unknown key 'weight' in an entry of 'models': it is a parameter, move it under "
       "'parameters'"},
      {"merge_method: linear\nmodels:\n  - model: a\n    layer_range: [0, 2]\n    parameters: "
       "{weight: 1}\n",
       "4:5 unknown key 'layer_range' in an entry of 'models': it belongs in an entry of "
       "'sources'"},
      {"merge_method: linear\nmodels:\n  - model: a\n    density: 1\n    parameters: {weight: 1}\n",
       "4:5 unknown key 'density' in an entry of 'models': it is a parameter of ties, and method "
       "'linear' does not take it"},
      {"merge_method: linear\nmodels:\n  - model: a\n    paramters: {weight: 1}\n",
       "4:5 unknown key 'paramters' in an entry of 'models'; did you mean 'parameters'?"},
      {"models: [{model: a}]\n", "1:1 the recipe needs the key 'merge_method'"},
      {GOOD "1: 2\n", "3:1 a key of the recipe is a text, not the number 1; put it in quotes"},
      {"merge_method: lineer\nmodels: [{model: a}]\n",
       "1:15 unknown method 'lineer'; did you mean 'linear'?"},
  }});
}

TEST_CASE("recipe mistakes: what is merged") {
  check(std::array<BadRecipe, 22>{{
      {"merge_method: linear\n", "1:1 the recipe has none of 'models', 'slices' or 'modules'"},
      {"merge_method: linear\nmodels:\n", "2:1 'models' is empty"},
      {"merge_method: linear\nmodels: []\n", "2:9 'models' is an empty list"},
      {GOOD
       "slices:\n  - sources: [{model: a, layer_range: [0, 1]}]\n    parameters: {weight: 1}\n",
       "3:1 the recipe has both 'models' and 'slices'; expected one of 'models', 'slices' or "
       "'modules'"},
      {"merge_method: linear\nmodules: {text: {}}\n",
       "2:17 an entry of 'modules' has none of 'models' or 'slices'"},
      {"merge_method: linear\nmodels: {model: a}\n", "2:9 'models' takes a list, not a map"},
      {"merge_method: linear\nmodels: [a]\nparameters: {weight: 1}\n",
       "2:10 an entry of 'models' is a map of keys, not the text 'a'"},
      {"merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [8, 4]}]\n",
       "3:39 'layer_range' [8, 4] runs backwards; the second number is the layer behind the last"},
      {"merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [4, 4]}]\n",
       "3:39 'layer_range' [4, 4] is empty; the second number is the layer behind the last"},
      {"merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [4]}]\n",
       "3:39 'layer_range' takes two numbers, first and last + 1, not 1"},
      {"merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [-1, 2.5]}]\n",
       "3:40 'layer_range' takes a whole number from 0 up, not the number -1\n"
       "3:44 'layer_range' takes a whole number from 0 up, not the number 2.5"},
      {"merge_method: passthrough\nslices:\n  - sources: [{model: a}]\n",
       "3:15 an entry of 'sources' needs the key 'layer_range'"},
      {"merge_method: linear\nparameters: {weight: 1}\nslices:\n  - sources:\n      - {model: a, "
       "layer_range: "
       "[0, 4]}\n      - {model: b, layer_range: [0, 5]}\n",
       "6:9 5 layers of 'b' cannot be merged with 4 of 'a': the sources of a slice have equally "
       "many"},
      {"merge_method: slerp\nmodels: [{model: a}, {model: b}]\nparameters: {t: 0.5}\n",
       "1:15 method 'slerp' needs a base model: add the key 'base_model'"},
      {"merge_method: slerp\nbase_model: c\nmodels: [{model: a}, {model: b}]\nparameters: {t: "
       "0.5}\n",
       "3:10 method 'slerp' merges 2 models, and with base_model 'c', which is not listed, 3 are "
       "given"},
      {"merge_method: slerp\nbase_model: c\nslices: [{sources: [{model: a, layer_range: [0, 1]}, "
       "{model: b, "
       "layer_range: [0, 1]}]}]\nparameters: {t: 0.5}\n",
       "3:10 base_model 'c' is not among the sources of this slice; list it with the layers that "
       "it has "
       "here"},
      {"merge_method: passthrough\nmodels: [{model: a}, {model: b}]\n",
       "2:10 method 'passthrough' merges 1 model, and 2 are listed here"},
      {"merge_method: ties\nbase_model: a\nmodels: [{model: a}]\n",
       "3:10 method 'ties' merges at least 1 model besides the base, and 0 are listed here"},
      {"merge_method: nuslerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\n",
       "3:10 method 'nuslerp' merges 2 models besides the base, and 1 is listed here"},
      {"merge_method: linear\nmodels: [{model: a@b@c}, {model: a+b+c}, {model: 5}, {model: "
       "''}]\nparameters: "
       "{weight: 1}\n",
       "2:18 the model's path 'a@b@c' has more than one '@'; expected path or path@revision\n"
       "2:34 'a+b+c' has more than one '+'; expected model or model+adapter (a path with a '+' is "
       "written "
       "as a map: {model: {path: ...}})\n"
       "2:50 a model is a path, a path+adapter or a map, not the number 5\n"
       "2:62 the model's path is empty"},
      {"merge_method: linear\nmodels: [{model: {path: a}}]\nparameters: {weight: 1}\n",
       "2:18 a model written as a map needs the key 'model'\n"
       "2:19 unknown key 'path' in a model written as a map: it belongs in a path written as a "
       "map"},
      {"merge_method: ties\nbase_model: 'a@'\nmodels: [{model: b}]\n",
       "2:13 the model's path 'a@' has no revision behind its '@'"},
  }});
}

TEST_CASE("recipe mistakes: parameters") {
  check(std::array<BadRecipe, 23>{{
      {"merge_method: linear\nmodels: [{model: a}, {model: b, parameters: {weight: 1}}]\n",
       "2:10 method 'linear' needs 'weight' for model 'a': under its 'parameters', or for all "
       "models "
       "under those of the recipe"},
      {"merge_method: linear\nbase_model: c\nmodels: [{model: a, parameters: {weight: 1}}]\n",
       "2:13 base_model 'c' is not among the models, so method 'linear' merges it too, and needs "
       "'weight' "
       "for it: list it with its 'parameters'"},
      {"merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\n",
       "1:15 method 'slerp' needs the parameter 't' under 'parameters'"},
      {GOOD "parameters: {normalise: true}\n",
       "3:14 method 'linear' has no parameter 'normalise'; did you mean 'normalize'?"},
      {GOOD "parameters: {density: 0.5}\n",
       "3:14 method 'linear' has no parameter 'density'; it is one of ties"},
      {GOOD "parameters: {something_else: 0.5}\n",
       "3:14 method 'linear' has no parameter 'something_else'; it takes weight and normalize"},
      {"merge_method: linear\nmodels: [{model: a, parameters: {wieght: 1}}]\n",
       "2:34 method 'linear' has no parameter 'wieght'; did you mean 'weight'?"},
      {"merge_method: linear\nmodels: [{model: a, parameters: {weight: 1, normalize: true}}]\n",
       "2:45 'normalize' holds for all models together; move it to the 'parameters' of the recipe "
       "or of a "
       "slice"},
      {GOOD "parameters: {normalize: [true, false]}\n",
       "3:25 'normalize' takes true or false, which has no gradient over layers; one value, or "
       "values with "
       "a 'filter'"},
      {GOOD "parameters: {normalize: 0.5}\n",
       "3:25 'normalize' takes true or false, not the number 0.5"},
      {GOOD "parameters: {normalize:}\n", "3:14 the parameter 'normalize' is empty"},
      {GOOD "parameters: {weight: heavy}\n", "3:22 'weight' takes a number, not the text 'heavy'"},
      {GOOD "parameters: {weight: true}\n", "3:22 'weight' takes a number, not the flag true"},
      {GOOD "parameters: {weight: .inf}\n",
       "3:22 'weight' takes a finite number, not the number .inf"},
      {GOOD "parameters: {weight: 2024-01-01}\n",
       "3:22 'weight' takes a number, not 2024-01-01, which YAML takes for a date or a mark of its "
       "own"},
      {GOOD "parameters: {weight: []}\n", "3:22 'weight' is an empty list"},
      {GOOD "parameters: {weight: [1, {value: 2}]}\n",
       "3:23 'weight' lists numbers, or entries of 'filter' and 'value', not both; write '- value: "
       "...' "
       "here"},
      {GOOD "parameters: {weight: {filter: mlp}}\n",
       "3:22 a value with a filter needs the key 'value'"},
      {GOOD "parameters: {weight: {filter: 3, valeu: 2}}\n",
       "3:31 'filter' takes a text (in quotes), not the number 3\n"
       "3:34 unknown key 'valeu' in a value with a filter; did you mean 'value'?"},
      {GOOD "parameters: [1]\n", "3:13 expected 'parameters': a map, not a list"},
      {"merge_method: ties\nbase_model: a\nmodels: [{model: b}]\nparameters: {weight: 1, density: "
       "[0.5, "
       "1.5]}\n",
       "4:40 'density' of method 'ties' is from 0 to 1, not 1.5"},
      {"merge_method: karcher\nmodels: [{model: b}]\nparameters: {max_iter: 0, tol: -1}\n",
       "3:24 'max_iter' of method 'karcher' is at least 1, not 0\n"
       "3:32 'tol' of method 'karcher' is at least 0, not -1"},
      {"merge_method: karcher\nmodels: [{model: b}]\nparameters: {max_iter: 2.5}\n",
       "3:24 'max_iter' takes a whole number, not the number 2.5"},
  }});
}

TEST_CASE("recipe mistakes: dtypes, tokenizers and templates") {
  check(std::array<BadRecipe, 14>{{
      {GOOD "dtype: bf16\n",
       "3:8 'dtype' is 'bfloat16', 'float16', 'float32' or 'float64', not 'bf16'; did you mean "
       "'bfloat16'?"},
      {GOOD "out_dtype: int64\n",
       "3:12 'out_dtype' is 'bfloat16', 'float16', 'float32' or 'float64', not 'int64'"},
      {GOOD "dtype: 16\n", "3:8 'dtype' takes a text (in quotes), not the number 16"},
      {GOOD "tokenizer: {source: union}\ntokenizer_source: base\n",
       "4:1 the recipe has both 'tokenizer' and 'tokenizer_source'; expected one of them"},
      {GOOD "tokenizer: union\n", "3:12 'tokenizer' is a map of keys, not the text 'union'"},
      {GOOD "tokenizer: {source: }\n", "3:13 'source' is empty"},
      {GOOD "tokenizer: {pad_to_multiple_of: 0}\n",
       "3:33 'pad_to_multiple_of' takes a number from 1 up, not 0"},
      {GOOD "tokenizer: {tokens: {5: {source: a}}}\n",
       "3:22 a key of 'tokens' is a text, not the number 5; put it in quotes"},
      {GOOD "tokenizer: {tokens: {x: a}}\n",
       "3:25 an entry of 'tokens' is a map of keys, not the text 'a'"},
      {GOOD "tokenizer: {tokens: {x: {source: {kind: one}}}}\n",
       "3:41 'kind' is 'model_token' or 'zero', not the text 'one'"},
      {GOOD "tokenizer: {tokens: {x: {source: {kind: zero, model: a}}}}\n",
       "3:47 'model' has no place beside 'kind: zero'"},
      {GOOD "tokenizer: {tokens: {x: {source: {kind: model_token, model: a}}}}\n",
       "3:34 'kind: model_token' takes either 'token' or 'token_id'"},
      {GOOD "tokenizer: {tokens: {x: {force: maybe}}}\n",
       "3:33 'force' takes true or false, not the text 'maybe'"},
      {GOOD "chat_template: chatlm\n",
       "3:16 'chat_template' is 'auto', 'alpaca', 'chatml', 'exaone', 'llama3' or 'mistral', a "
       "file that ends in '.jinja', or a Jinja text with '{', not 'chatlm'; did you mean "
       "'chatml'?"},
  }});
}

TEST_CASE("recipe mistakes: documents") {
#define DOC(NAME, MODEL) \
  "---\nname: " NAME "\nmerge_method: passthrough\nmodels: [{model: " MODEL "}]\n"
  check(std::array<BadRecipe, 7>{{
      {DOC("a", "b") DOC("b", "a"),
       "8:18 the documents go round in a circle: 'a' needs 'b' needs 'a'"},
      {DOC("a", "x") DOC("b", "a") DOC("b", "a"),
       "10:1 the name 'b' is that of the document in line 6 too"},
      {DOC("a", "x") DOC("b", "x"),
       "6:1 which document is the result, 'a' or 'b'? No other needs them; leave out the 'name' of "
       "the "
       "one that is"},
      {GOOD "---\n" GOOD,
       "4:1 this document has no name, nor has the one in line 1; all but one, the result, need "
       "the key "
       "'name'"},
      {DOC("../up", "x") "---\n" GOOD, "2:1 the name '../up' is no name for a folder"},
      {DOC("5", "x") "---\n" GOOD, "2:7 'name' takes a text (in quotes), not the number 5"},
      {GOOD "---\n", "4:1 this document is empty"},
  }});
#undef DOC
}

TEST_CASE("recipe mistakes: all of them in one report, in the order of their places") {
  CHECK(mistakes(
            "merge_method: tise\nmodels:\n  - modle: a\n  - model: b\n    parameters: {weight: x}\n"
            "dtype: fp16\n") ==
        "1:15 unknown method 'tise'; did you mean 'ties'?\n"
        "3:5 unknown key 'modle' in an entry of 'models'; did you mean 'model'?\n"
        "5:26 'weight' takes a number or a flag, not the text 'x'\n"
        "6:8 'dtype' is 'bfloat16', 'float16', 'float32' or 'float64', not 'fp16'; did you mean "
        "'float16'?");
}

TEST_CASE("recipe mistakes: what an alias repeats is told once") {
  CHECK(mistakes("merge_method: linear\nmodels:\n  - {model: a, parameters: &p {weight: x}}\n"
                 "  - {model: b, parameters: *p}\n") ==
        "3:40 'weight' takes a number, not the text 'x'");
}

TEST_CASE("recipe mistakes: a value that no tensor gets is noted") {
  const auto file =
      parse_recipe(GOOD "parameters:\n  weight:\n    - value: 1\n    - {filter: mlp, value: 2}\n",
                   test::some_methods());
  CHECK(file.mistakes.empty());
  REQUIRE(file.notes.size() == 1);
  CHECK(file.notes[0].at == Mark{6, 7});
}

TEST_CASE("recipe mistakes: int8_mask is noted wherever it stands") {
  const auto file = parse_recipe(
      "merge_method: ties\nbase_model: b\n"
      "models: [{model: a, parameters: {weight: 1, density: 1, int8_mask: true}}]\n"
      "parameters: {int8_mask: 1}\n",
      method_table());
  CHECK(file.mistakes.empty());
  REQUIRE(file.notes.size() == 2);
  CHECK(file.notes[0].at == Mark{3, 57});
  CHECK(file.notes[1].at == Mark{4, 14});
}

}  // namespace shardwright
