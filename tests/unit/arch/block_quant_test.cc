#include "arch/block_quant.h"

#include <array>
#include <string>

#include <doctest/doctest.h>

#include "rules.h"

namespace shardwright {
namespace {

std::string quantized(std::string_view quantization, std::string_view layout = "hub") {
  const Schema schema = tiny_rule();
  const Expansion expansion =
      expanded(schema,
               fmt::format(R"({{"vocab_size": 6, "num_hidden_layers": 1, "num_experts": 1,
          "intermediate_size": 6, "quantization_config": {}}})",
                           quantization),
               {.layout = layout});
  return problems_text(expansion) + tensors_text(expansion);
}

}  // namespace

TEST_CASE("arch: fp8 weights of layers have block scales beside them") {
  CHECK(quantized(R"({"quant_method": "fp8", "weight_block_size": [4, 4]})") ==
        "model.embed_tokens.weight [6, 8] embedding\n"
        "model.layers.0.self_attn.q_proj.weight [8, 8] fp8\n"
        "model.layers.0.self_attn.q_proj.weight_scale_inv [2, 2] block_scale\n"
        "model.layers.0.self_attn.k_proj.weight [4, 8] fp8\n"
        "model.layers.0.self_attn.k_proj.weight_scale_inv [1, 2] block_scale\n"
        "model.layers.0.mlp.gate.weight [1, 8] router wider\n"
        "model.layers.0.mlp.experts.0.w1.weight [6, 8] expert fp8\n"
        "model.layers.0.mlp.experts.0.w1.weight_scale_inv [2, 2] block_scale\n"
        "model.layers.0.mlp.experts.0.w2.weight [8, 6] expert fp8\n"
        "model.layers.0.mlp.experts.0.w2.weight_scale_inv [2, 2] block_scale\n"
        "model.layers.0.mlp.experts.0.w3.weight [6, 8] expert fp8\n"
        "model.layers.0.mlp.experts.0.w3.weight_scale_inv [2, 2] block_scale\n"
        "model.layers.0.norm.weight [8] norm\n"
        "model.norm.weight [8] norm\n"
        "lm_head.weight [6, 8] head\n");
}

// Shapes as FP8Experts of transformers 5.23.0 allocates them: blocks of the fused tensor, so that
// 2 * 6 rows are 3 blocks of 4; at least one for each of gate and up.
TEST_CASE("arch: fused experts have one scale of three dimensions") {
  constexpr std::string_view kGateUp = "model.layers.0.mlp.experts.gate_up_proj";
  const std::string fused =
      quantized(R"({"quant_method": "fp8", "weight_block_size": [4, 4]})", "fused");
  CHECK(fused.find(fmt::format("{} [1, 12, 8] expert fp8\n{}_scale_inv [1, 3, 2] block_scale\n",
                               kGateUp, kGateUp)) != std::string::npos);
  const std::string wide = quantized(R"({"quant_method": "fp8"})", "fused");
  CHECK(wide.find(fmt::format("{}_scale_inv [1, 2, 1] block_scale\n", kGateUp)) !=
        std::string::npos);
  CHECK(wide.find("down_proj_scale_inv [1, 1, 1] block_scale\n") != std::string::npos);
}

TEST_CASE("arch: without blocks a weight has one scale, and static activations another") {
  const std::string text = quantized(
      R"({"quant_method": "fp8", "weight_block_size": null, "activation_scheme": "static"})");
  CHECK(text.find("model.layers.0.self_attn.q_proj.weight_scale_inv [] block_scale\n"
                  "model.layers.0.self_attn.q_proj.activation_scale [] block_scale ?\n") !=
        std::string::npos);
  CHECK(quantized(R"({"quant_method": "fp8", "weight_block_size": [0, 4]})")
            .starts_with("/quantization_config/weight_block_size: 'weight_block_size' is not a "
                         "list of two positive whole numbers\n"));
}

TEST_CASE("arch: other methods are named, and expect no scales") {
  const Schema schema = tiny_rule();
  const Expansion expansion =
      expanded(schema, R"({"vocab_size": 6, "quantization_config": {"quant_method": "awq"}})");
  CHECK(expansion.quantization == "awq");
  for (const ExpectedTensor& tensor : expansion.tensors)
    CHECK(tensor.role != Role::kBlockScale);
}

// Each row as should_convert_module of transformers 5.23.0 answers.
TEST_CASE("arch: modules are left alone as transformers leaves them alone") {
  struct Row {
    const char* pattern;
    const char* module;
    bool skipped;
  };
  constexpr std::array kRows = {
      Row{"layer.1", "layer.1.attn", true},
      Row{"layer.1", "layer.11.attn", false},
      Row{"layer.1.", "layer.1.attn", true},
      Row{"layer.*", "layer.11.attn", true},
      Row{"mlp.gate", "mlp.gate_proj", false},
      Row{"mlp.gate", "mlp.gate", true},
      Row{"mlp.gate", "model.layers.0.mlp.gate", true},
      Row{"fc1", "model.decoder.layers.23.fc1", true},
      Row{"_proj", "model.layers.0.q_proj", true},
      Row{"q_proj", "model.layers.0.q_proj.x", false},
      Row{"model.layers.\\d+.mlp", "model.layers.12.mlp.up_proj", true},
      Row{"model.layers.[0-3].mlp", "model.layers.4.mlp.up_proj", false},
      Row{"model.layers.[^0-3].mlp", "model.layers.4.mlp.up_proj", true},
      Row{"^model.*up_proj$", "model.layers.4.mlp.up_proj", true},
      Row{".*gate", "model.layers.4.mlp.gate_proj", false},
      Row{".*gat?e", "model.layers.4.mlp.gate", true},
      Row{"lm_head", "lm_head", true},
      Row{"lm_head", "model.lm_head_norm", false},
      Row{"a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
  };
  for (const Row& row : kRows) {
    INFO(std::string(row.pattern));
    SkippedModules skipped;
    skipped.add("other.module");
    skipped.add(row.pattern);
    CHECK(skipped.contains(row.module) == row.skipped);
  }
}

TEST_CASE("arch: modules_to_not_convert, or ignored_layers, keep their dtype") {
  const std::string text = quantized(
      R"({"quant_method": "fp8", "modules_to_not_convert": ["model.layers.0.self_attn", "w3"]})");
  CHECK(text.find("q_proj.weight_scale_inv") == std::string::npos);
  CHECK(text.find("w1.weight_scale_inv [1, 1]") != std::string::npos);
  CHECK(text.find("w3.weight [6, 8] expert\n") != std::string::npos);
  CHECK(quantized(
            R"({"quant_method": "fp8", "ignored_layers": ["q_proj", "k_proj", "w1", "w2", "w3"]})")
            .find("scale") == std::string::npos);
}

}  // namespace shardwright
