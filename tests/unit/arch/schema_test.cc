#include "arch/schema.h"

#include <array>
#include <string>

#include <doctest/doctest.h>

#include "rules.h"

namespace shardwright {
namespace {

// A rule with one part replaced by another.
std::string error_with(std::string_view from, std::string_view to) {
  std::string text(kTinyRule);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  const auto schema = load_schema("rules/tiny.json", text);
  if (schema) return "no error";
  CHECK(schema.error().code == ErrorCode::kMalformed);
  return schema.error().message;
}

struct SchemaCase {
  const char* from;
  const char* to;
  const char* error;
};

}  // namespace

TEST_CASE("arch: a rule in memory says what its file says") {
  const Schema schema = tiny_rule();
  CHECK(schema.name == "tiny");
  CHECK(schema.model_types == std::vector<std::string>{"tiny"});
  REQUIRE(schema.aliases.size() == 1);
  CHECK(schema.aliases[0].name == "tinier");
  CHECK(schema.aliases[0].why == "Tinier is Tiny under another name");
  REQUIRE(schema.classes.size() == 3);
  CHECK(schema.classes[0].name == "TinyForCausalLM");
  REQUIRE(schema.layouts.size() == 4);
  CHECK(schema.layouts[0].name == "fused");
  CHECK(schema.layouts[0].why == "experts in one tensor");
  CHECK(schema.source == "this test");
  CHECK(schema.vocabulary_key == "vocab_size");
  CHECK(schema.layers_key == "num_hidden_layers");
  CHECK(schema.per_layer_keys == std::vector<std::string>{"layer_types"});
  CHECK(schema.text == kTinyRule);
  CHECK(schema.example.is_null());
  REQUIRE(schema.defaults.object() != nullptr);
  CHECK(json::dump(schema.defaults) ==
        R"({"rope_theta": 10000.0, "hidden_act": "silu", "sliding_window": null})");
}

TEST_CASE("arch: the loader is strict, and says file and place") {
  constexpr std::array kRows = {
      SchemaCase{"{", "", "rules/tiny.json: line 2, column 9: text after the end of the value"},
      SchemaCase{R"("name": "tiny")", R"("name": "tony")",
                 "rules/tiny.json: /name: 'tony' is not the file's name"},
      SchemaCase{R"("source": "this test",)", "", "rules/tiny.json: 'source' is missing"},
      SchemaCase{R"("sizes": {)", R"("sises": {)",
                 "rules/tiny.json: unknown key 'sises' (nearest: 'sizes')"},
      SchemaCase{R"("source": "this test")", R"("source": "this test", "source": "twice")",
                 "rules/tiny.json: /source: this key stands twice"},
      SchemaCase{
          R"("defaults": {"rope_theta": 10000.0, "hidden_act": "silu", "sliding_window": null})",
          R"("defaults": ["rope_theta"])",
          "rules/tiny.json: /defaults: expected an object, not a list"},
      SchemaCase{R"("vocab": "vocab_size")", R"("vocab": 3)",
                 "rules/tiny.json: /sizes/vocab: expected a string, not a number"},
      SchemaCase{R"("vocab": "vocab_size")", R"("vo-cab": "vocab_size")",
                 "rules/tiny.json: /sizes/vo-cab: 'vo-cab' cannot be a name"},
      SchemaCase{R"("vocab": "vocab_size")", R"("class": "vocab_size")",
                 "rules/tiny.json: /sizes/class: 'class' cannot be a name"},
      SchemaCase{R"("vocab": "vocab_size")", R"("vocab": "vocab_size", "len": "a")",
                 "rules/tiny.json: /sizes/len: 'len' cannot be a name"},
      SchemaCase{R"("bias": "qkv_bias = false")", R"("vocab": "qkv_bias = false")",
                 "rules/tiny.json: /flags/vocab: 'vocab' is defined twice"},
      SchemaCase{R"("vocab": "vocab_size")", R"("vocab": "vocab size")",
                 "rules/tiny.json: /sizes/vocab: 'vocab size' is no config key"},
      SchemaCase{R"("vocab": "vocab_size")", R"("vocab": "a.{layer}")",
                 "rules/tiny.json: /sizes/vocab: 'layer' is no letter of an 'each'"},
      SchemaCase{R"("vocab": "vocab_size")", R"("vocab": "vocab_size", "spare": "spare = 3")",
                 "rules/tiny.json: /sizes/spare: nothing uses 'spare'"},
      SchemaCase{R"("vocab": "vocab_size")", R"("vocab": "vocab_size = hidden")", "no error"},
      SchemaCase{R"("hidden": "hidden_size = 8")", R"("hidden": "hidden_size = head")",
                 "rules/tiny.json: /sizes/hidden: 'hidden' is defined by itself"},
      SchemaCase{
          "hidden / heads", "hiden / heads",
          "rules/tiny.json: /sizes/head: 'hiden' is not defined (nearest: 'hidden'), at letter 1 "
          "of 'hiden / heads'"},
      SchemaCase{R"("each": "layer < layers", "is")", R"("each": "layer < layers", "iz")",
                 "rules/tiny.json: /lists/types: unknown key 'iz' (nearest: 'is')"},
      SchemaCase{R"("each": "layer < layers", "is")", R"("each": "layers", "is")",
                 "rules/tiny.json: /lists/types/each: expected 'letter < count', not 'layers'"},
      SchemaCase{
          R"("top <= experts":)", R"("top <= expert":)",
          "rules/tiny.json: /require/top <= expert: 'expert' is not defined (nearest: 'experts'), "
          "at letter 8 of 'top <= expert'"},
      SchemaCase{R"("tied": {"default": false)", R"("tied": {"default": "no")",
                 "rules/tiny.json: /tied/default: expected true or false, not a string"},
      SchemaCase{
          R"({"lm_head.weight": "model.embed_tokens.weight"}})",
          R"({"lm_head.weight": "model.embed.weight"}})",
          "rules/tiny.json: /tied/tensors/lm_head.weight: 'model.embed.weight' is no tensor of "
          "this rule"},
      SchemaCase{R"("router": "mlp.gate.weight")", R"("router": "gate")",
                 "rules/tiny.json: /roles/router: 'gate' is no tensor of this rule"},
      SchemaCase{R"("router": "mlp.gate.weight")", R"("routers": "mlp.gate.weight")",
                 "rules/tiny.json: /roles: unknown key 'routers' (nearest: 'router')"},
      SchemaCase{R"("router": "mlp.gate.weight")",
                 R"("router": ["mlp.gate.weight", "lm_head.weight"])",
                 "rules/tiny.json: /roles/router: 'lm_head.weight' is head already"},
      SchemaCase{
          R"("mlp.gate.weight": "float32")", R"("mlp.gate.weight": "F32")",
          "rules/tiny.json: /dtypes/mlp.gate.weight: expected 'float32' or 'any', not 'F32'"},
      SchemaCase{R"({"model.norm.weight": "hidden"})", R"({"model.norm.weight": 8})",
                 "rules/tiny.json: /tensors/2/model.norm.weight: expected a string, not a number"},
      SchemaCase{R"({"model.norm.weight": "hidden"})", R"({"model.norm{": "hidden"})",
                 "rules/tiny.json: /tensors/2/model.norm{: no '}' in 'model.norm{'"},
      SchemaCase{R"({"model.norm.weight": "hidden"})", R"({"model norm": "hidden"})",
                 "rules/tiny.json: /tensors/2/model norm: 'model norm' is no name of a tensor"},
      SchemaCase{R"({"model.norm.weight": "hidden"})", R"({"model.norm.{layer}": "hidden"})",
                 "rules/tiny.json: /tensors/2/model.norm.{layer}: 'layer' is not defined (nearest: "
                 "'layers'), at letter 1 of 'layer'"},
      SchemaCase{R"({"model.norm.weight": "hidden"})", R"({"when": "bias"})",
                 "rules/tiny.json: /tensors/2: 'when' without 'tensors'"},
      SchemaCase{R"({"model.norm.weight": "hidden"})",
                 R"({"whem": "bias", "tensors": [{"model.norm.weight": "hidden"}]})",
                 "rules/tiny.json: /tensors/2: unknown key 'whem' (nearest: 'when')"},
      SchemaCase{R"({"model.norm.weight": "hidden"})",
                 R"({"each": "bias < 2", "tensors": [{"model.norm.weight": "hidden"}]})",
                 "rules/tiny.json: /tensors/2/each: 'bias' has a meaning already"},
      SchemaCase{R"({"model.norm.weight": "hidden"})", R"({"tensors": [], "else": []})",
                 "rules/tiny.json: /tensors/2: 'else' without 'when'"},
      SchemaCase{
          R"("TinyForCausalLM": {})", R"("TinyForCausalLM": {"strip": "a"})",
          "rules/tiny.json: /classes/TinyForCausalLM: the first class is the one that 'tensors' "
          "describes: no change"},
      SchemaCase{
          R"({"without": ["lm_head.weight"], "strip")", R"({"without": ["lm_haed.*"], "strip")",
          "rules/tiny.json: /classes/TinyModel/without/0: 'lm_haed.*' is no tensor of this rule"},
      SchemaCase{R"("name": "bare")", R"("name": "hub")",
                 "rules/tiny.json: /layouts/3/name: 'hub' is another layout's name"},
      SchemaCase{R"("why": "without the prefix",)", "",
                 "rules/tiny.json: /layouts/3: 'why' is missing"},
      SchemaCase{R"("over": "expert")", R"("over": "exp")",
                 "rules/tiny.json: /layouts/0/stack/0/over: 'exp' is no letter of 'of'"},
      SchemaCase{
          R"("over": "expert")", R"("over": "layer")",
          "rules/tiny.json: /layouts/0/stack/0: 'layer' belongs in each of 'of', and not in 'to'"},
      SchemaCase{
          R"("{expert}.w1.weight", "{expert}.w3.weight")", R"("{expert}.w1.weight", "{expert}.w4")",
          "rules/tiny.json: /layouts/0/stack/0/of: 'model.layers.{layer}.mlp.experts.{expert}.w4' "
          "is no tensor of this rule"},
      SchemaCase{
          R"("mlp.gate.": "mlp.router.")", R"("mlp.gat.": "mlp.router.")",
          "rules/tiny.json: /layouts/0/rename/mlp.gat.: 'mlp.gat.' stands in no name of this rule"},
      SchemaCase{R"("sizes": ["vocab - 2", "2"])", R"("sizes": ["vocab - 2"])",
                 "rules/tiny.json: /layouts/2/split/0/sizes: 1 sizes for 2 names"},
  };
  for (const SchemaCase& row : kRows) {
    INFO(std::string(row.to));
    CHECK(error_with(row.from, row.to) == std::string(row.error));
  }
}

TEST_CASE("arch: a definition may use one that comes after it") {
  const Schema schema =
      tiny_rule(R"json({"name": "tiny", "model_types": ["tiny"], "classes": {"A": {}},
    "source": "", "lists": {"pattern": "pattern = ['a', 'b']"}, "sizes": {"n": "n = m", "m": "= len(pattern)"},
    "tensors": [{"x": "n"}]})json");
  CHECK(tensors_text(expanded(schema, "{}")) == "x [2]\n");
  CHECK(tensors_text(expanded(schema, R"({"pattern": "abc"})")) == "x [3]\n");
  CHECK(tensors_text(expanded(schema, R"({"n": 7})")) == "x [7]\n");
}

}  // namespace shardwright
