#include "arch/expand.h"

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "rules.h"

namespace shardwright {

TEST_CASE("arch: a rule and a config give names, shapes and roles in the rule's order") {
  const Schema schema = tiny_rule();
  const Expansion expansion = expanded(
      schema, R"({"vocab_size": 10, "layer_types": ["dense", "sparse"], "qkv_bias": true})");
  CHECK(problems_text(expansion).empty());
  CHECK(expansion.usable);
  CHECK(expansion.layout == "hub");
  CHECK(expansion.class_name == "TinyForCausalLM");
  CHECK(expansion.base_prefix == "model.");
  CHECK(tensors_text(expansion) ==
        "model.embed_tokens.weight [10, 8] embedding\n"
        "model.layers.0.self_attn.q_proj.weight [8, 8]\n"
        "model.layers.0.self_attn.k_proj.weight [4, 8]\n"
        "model.layers.0.self_attn.q_proj.bias [8] ?\n"
        "model.layers.0.mlp.up_proj.weight [16, 8]\n"
        "model.layers.0.mlp.down_proj.weight [8, 16]\n"
        "model.layers.0.norm.weight [8] norm\n"
        "model.layers.1.self_attn.q_proj.weight [8, 8]\n"
        "model.layers.1.self_attn.k_proj.weight [4, 8]\n"
        "model.layers.1.self_attn.q_proj.bias [8]\n"
        "model.layers.1.mlp.gate.weight [2, 8] router wider\n"
        "model.layers.1.mlp.experts.0.w1.weight [4, 8] expert\n"
        "model.layers.1.mlp.experts.0.w2.weight [8, 4] expert\n"
        "model.layers.1.mlp.experts.0.w3.weight [4, 8] expert\n"
        "model.layers.1.mlp.experts.1.w1.weight [4, 8] expert\n"
        "model.layers.1.mlp.experts.1.w2.weight [8, 4] expert\n"
        "model.layers.1.mlp.experts.1.w3.weight [4, 8] expert\n"
        "model.layers.1.norm.weight [8] norm\n"
        "model.norm.weight [8] norm\n"
        "lm_head.weight [10, 8] head\n");
  CHECK(expansion.vocabulary == 10U);
  CHECK(expansion.layers == 2U);
  CHECK(expansion.hidden == 8U);
  CHECK(expansion.experts == 2U);
  CHECK(expansion.per_token == 1U);
  // Where a key is absent, what it would be.
  CHECK(expansion.experts_pointer == "/num_experts");
  CHECK(expansion.per_token_pointer == "/num_experts_per_tok");

  const ExpectedTensor* expert = expansion.find("model.layers.1.mlp.experts.1.w2.weight");
  REQUIRE(expert != nullptr);
  CHECK(expert->layer == 1);
  CHECK(expert->expert == 1);
  CHECK(expansion.find("model.norm.weight")->layer == -1);
  CHECK(expansion.find("model.norm.weight")->expert == -1);
  CHECK(expansion.find("model.layers.2.norm.weight") == nullptr);

  CHECK(expansion.is_ignored("model.layers.2.anything"));  // the layer after the last
  CHECK(!expansion.is_ignored("model.layers.1.anything"));
  CHECK(expansion.is_ignored("a.b.position_ids"));
  CHECK(expansion.is_ignored("model.layers.0.self_attn.rotary_emb.inv_freq"));
}

TEST_CASE("arch: keys have other spellings, defaults, and nulls that are resolved") {
  const Schema schema = tiny_rule();
  const auto shape = [&](std::string_view config, std::string_view name) {
    const Expansion expansion = expanded(schema, config);
    INFO(problems_text(expansion));
    const ExpectedTensor* tensor = expansion.find(name);
    return tensor == nullptr ? std::string("absent") : shape_text(tensor->shape);
  };
  constexpr std::string_view kKey = "model.layers.0.self_attn.k_proj.weight";
  constexpr std::string_view kGate = "model.layers.0.mlp.gate.weight";
  CHECK(shape(R"({"vocab_size": 9})", kKey) == "[4, 8]");                               // = 1
  CHECK(shape(R"({"vocab_size": 9, "num_key_value_heads": null})", kKey) == "[8, 8]");  // ?? heads
  CHECK(shape(R"({"vocab_size": 9, "head_dim": 3.0})", kKey) == "[3, 8]");
  CHECK(shape(R"({"vocab_size": 9, "num_local_experts": 3})", kGate) == "[3, 8]");
  CHECK(shape(R"({"vocab_size": 9, "num_local_experts": 3, "num_experts": 5})", kGate) == "[5, 8]");
  CHECK(shape(R"({"vocab_size": 9, "num_local_experts": 3, "num_experts": null})", kGate) ==
        "[3, 8]");
  CHECK(shape(R"({"vocab_size": 9, "mlp_only_layers": [0]})", kGate) == "absent");
  CHECK(shape(R"({"vocab_size": 9, "mlp_only_layers": null})", kGate) == "[2, 8]");
  CHECK(shape(R"({"vocab_size": 9, "layer_types": {"0": "dense"}})", kGate) == "absent");
  CHECK(shape(R"({"vocab_size": 9, "num_experts": 0, "num_experts_per_tok": 0})", kGate) ==
        "[0, 8]");  // really written
}

TEST_CASE("arch: classes change what is expected") {
  const Schema schema = tiny_rule();
  Expansion expansion = expanded(schema, R"({"vocab_size": 9, "num_hidden_layers": 0,
      "architectures": ["TinyForSequenceClassification"], "num_labels": 5})");
  CHECK(tensors_text(expansion) ==
        "model.embed_tokens.weight [9, 8] embedding\n"
        "model.norm.weight [8] norm\n"
        "score.weight [5, 8] score\n");
  CHECK(expansion.ties.empty());

  expansion = expanded(schema, R"({"vocab_size": 9, "num_hidden_layers": 1, "num_experts": 1,
      "architectures": ["TinyModel"]})");
  CHECK(expansion.class_name == "TinyModel");
  CHECK(tensors_text(expansion) ==
        "embed_tokens.weight [9, 8] embedding\n"
        "layers.0.self_attn.q_proj.weight [8, 8]\n"
        "layers.0.self_attn.k_proj.weight [4, 8]\n"
        "layers.0.mlp.gate.weight [1, 8] router wider\n"
        "layers.0.mlp.experts.0.w1.weight [4, 8] expert\n"
        "layers.0.mlp.experts.0.w2.weight [8, 4] expert\n"
        "layers.0.mlp.experts.0.w3.weight [4, 8] expert\n"
        "layers.0.norm.weight [8] norm\n"
        "norm.weight [8] norm\n");

  // A class that no rule lists is treated as the first; one that is asked for must be there.
  expansion = expanded(schema, R"({"vocab_size": 9, "architectures": ["TinyForSomethingElse"]})");
  CHECK(expansion.class_name == "TinyForCausalLM");
  const auto unknown = expand(schema, json_value("{}"), {.class_name = "TinyForNothing"});
  REQUIRE(!unknown.has_value());
  CHECK(unknown.error().code == ErrorCode::kInvalidArgument);
  CHECK(unknown.error().message == "rule 'tiny' has no class 'TinyForNothing'");
}

TEST_CASE("arch: labels are counted as transformers counts them") {
  const Schema schema = tiny_rule();
  const auto rows = [&](std::string_view config) {
    const Expansion expansion =
        expanded(schema, config, {.class_name = "TinyForSequenceClassification"});
    return expansion.find("score.weight")->shape[0];
  };
  CHECK(rows(R"({"vocab_size": 9})") == 2);
  CHECK(rows(R"({"vocab_size": 9, "id2label": {"0": "a", "1": "b", "2": "c"}})") == 3);
  CHECK(rows(R"({"vocab_size": 9, "num_labels": 4, "id2label": {"0": "a"}})") == 4);
}

TEST_CASE("arch: what is wrong with a config is told in its own words, all at once") {
  const Schema schema = tiny_rule();
  Expansion expansion = expanded(schema, R"({"hidden_size": "big", "num_experts_per_tok": 9})");
  CHECK(!expansion.usable);
  CHECK(expansion.tensors.empty());
  CHECK(problems_text(expansion) ==
        "/vocab_size: 'vocab_size' is missing, and has no default\n"
        "/hidden_size: 'hidden_size' is a string, expected a whole number\n"
        "/num_experts_per_tok: more experts per token than experts: 'num_experts_per_tok' is 9, "
        "'num_experts' is 2\n");
  REQUIRE(expansion.problems.size() == 3);
  CHECK(expansion.problems[0].kind == ConfigProblem::Kind::kMissingKey);
  CHECK(expansion.problems[1].kind == ConfigProblem::Kind::kWrongType);
  CHECK(expansion.problems[2].kind == ConfigProblem::Kind::kContradiction);

  // A contradiction stops nothing.
  expansion = expanded(schema, R"({"vocab_size": 9, "num_experts_per_tok": 9})");
  CHECK(expansion.usable);
  CHECK(expansion.problems.size() == 1);

  expansion = expanded(schema, R"({"vocab_size": 9, "num_attention_heads": 3})");
  CHECK(problems_text(expansion) ==
        "/hidden_size: hidden_size / num_attention_heads is no whole number: 8 / 3\n");
  CHECK(expansion.problems[0].kind == ConfigProblem::Kind::kNotExact);

  expansion = expanded(schema, R"({"vocab_size": -9})");
  CHECK(problems_text(expansion) ==
        "/vocab_size: vocab_size is -9, expected a number that is not negative\n");
  CHECK(expansion.problems[0].kind == ConfigProblem::Kind::kOutOfRange);

  expansion = expanded(schema, R"({"vocab_size": null})");
  CHECK(problems_text(expansion) == "/vocab_size: 'vocab_size' is null, expected a whole number\n");

  // Classes look at the type of a size that no shape needs, too.
  expansion = expanded(schema, R"({"vocab_size": 9, "num_experts_per_tok": null})");
  CHECK(problems_text(expansion) ==
        "/num_experts_per_tok: 'num_experts_per_tok' is null, expected a whole number\n");
  CHECK(expansion.usable);

  expansion = expanded(schema, R"({"vocab_size": 9, "qkv_bias": null})");
  CHECK(problems_text(expansion) == "/qkv_bias: 'qkv_bias' is null, expected true or false\n");
  CHECK(expansion.usable);

  expansion = expanded(schema, R"({"vocab_size": 9, "mlp_only_layers": 3})");
  CHECK(problems_text(expansion) ==
        "/mlp_only_layers: 'mlp_only_layers' is a number, expected a list\n");

  expansion = expanded(schema, R"({"vocab_size": 9223372036854775807})");
  CHECK(expansion.usable);  // as large as it is, it can be an extent
  expansion = expanded(schema, R"({"vocab_size": 9, "intermediate_size": 9223372036854775807,
                                   "mlp_only_layers": [0]})");
  CHECK(problems_text(expansion) == "/intermediate_size: 4 * intermediate_size is too large\n");

  expansion = expanded(schema, "[]");
  CHECK(problems_text(expansion) == ": the config is a list, expected an object\n");
  CHECK(!expansion.usable);
}

TEST_CASE("arch: a config that asks for too much is answered at once") {
  const Schema schema = tiny_rule();
  Expansion expansion =
      expanded(schema, R"({"vocab_size": 9, "num_hidden_layers": 1000000000000})");
  CHECK(!expansion.usable);
  REQUIRE(expansion.problems.size() == 1);
  CHECK(expansion.problems[0].kind == ConfigProblem::Kind::kTooMany);
  CHECK(problems_text(expansion) ==
        "/num_hidden_layers: the config asks for more than 1000000 tensors: num_hidden_layers is "
        "1000000000000\n");

  expansion = expanded(schema, R"({"vocab_size": 9, "num_experts": 900000})");
  CHECK(problems_text(expansion) ==
        "/num_experts: the config asks for more than 1000000 tensors: num_experts is 900000\n");

  // Just below the limit all is expanded.
  expansion = expanded(schema, R"({"vocab_size": 9, "num_experts": 166000})");
  CHECK(expansion.usable);
  CHECK(expansion.tensors.size() == 3 + 2 * (3 + 1 + 3 * 166000));
}

TEST_CASE("arch: two tensors of one name are the rule's fault") {
  const Schema schema = tiny_rule(R"({"name": "tiny", "model_types": ["tiny"], "classes": {"A": {}},
    "source": "", "flags": {"a": "a = false", "b": "b = false"}, "tensors": [
      {"when": "a", "tensors": [{"x": "1"}]}, {"when": "b", "tensors": [{"x": "2"}]}]})");
  CHECK(tensors_text(expanded(schema, R"({"a": true})")) == "x [1]\n");
  CHECK(tensors_text(expanded(schema, R"({"b": true})")) == "x [2]\n");
  const auto both = expand(schema, json_value(R"({"a": true, "b": true})"));
  REQUIRE(!both.has_value());
  CHECK(both.error().message == "rule 'tiny' has two tensors of the name 'x'");
}

TEST_CASE("arch: names count from where the rule says, and scalars have no extents") {
  const Schema schema = tiny_rule(R"({"name": "tiny", "model_types": ["tiny"], "classes": {"A": {}},
    "source": "", "sizes": {"n": "n"}, "tensors": [
      {"each": "layer < n", "under": "h.{layer + 1}.", "tensors": [{"s": "", "v{n}": "layer, n"}]}]})");
  const Expansion expansion = expanded(schema, R"({"n": 2})");
  CHECK(tensors_text(expansion) == "h.1.s []\nh.1.v2 [0, 2]\nh.2.s []\nh.2.v2 [1, 2]\n");
  CHECK(expansion.tensors[3].layer == 2);
}

TEST_CASE("arch: the key that counts experts is the one that the config has") {
  const Schema schema = tiny_rule();
  const Expansion expansion =
      expanded(schema, R"({"vocab_size": 10, "num_local_experts": 3, "num_experts_per_tok": 0})");
  CHECK(expansion.experts == 3U);
  CHECK(expansion.experts_pointer == "/num_local_experts");
  CHECK(expansion.per_token == 0U);
}

TEST_CASE("arch: of experts per token that differ by layer the fewest count") {
  std::string text(kTinyRule);
  const auto replace = [&](std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
  };
  replace(R"("top": "num_experts_per_tok = 1",)", "");
  replace(R"("lists": {)",
          R"("lists": {"top": {"each": "layer < layers", "is": "topk.{layer} = 1"},)");
  replace(R"("top <= experts")", R"("top[0] <= experts")");
  const Schema schema = tiny_rule(text);
  const Expansion fewest = expanded(schema, R"({"vocab_size": 10, "topk": [2, 1]})");
  CHECK(fewest.per_token == 1U);
  CHECK(fewest.per_token_pointer.empty());
  CHECK(expanded(schema, R"({"vocab_size": 10, "topk": [2, 0]})").per_token == 0U);
  CHECK(!expanded(schema, R"({"vocab_size": 10, "topk": [2, -1]})").per_token);
}

}  // namespace shardwright
