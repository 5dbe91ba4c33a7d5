// A checkpoint in another layout: what is made of which parts, and what cannot be.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "repair/plan.h"
#include "unit/repair/checked.h"

namespace shardwright {
namespace {

std::string mixture(std::string_view more) {
  return R"({"rule": "qwen2_moe", "config": {"num_hidden_layers": 1, "hidden_size": 4, "vocab_size": 8,
      "num_attention_heads": 1, "num_key_value_heads": 1, "num_experts": 2, "num_experts_per_tok": 1,
      "decoder_sparse_step": 1, "mlp_only_layers": [],
      "intermediate_size": 4, "moe_intermediate_size": 2, "shared_expert_intermediate_size": 2})" +
         std::string(more) + "}";
}

const std::string kOneGate = "model.layers.0.mlp.experts.1.gate_proj.weight";
const std::string kFused = "model.layers.0.mlp.experts.gate_up_proj";

// The ops of the plan, each once, or why there is none.
std::vector<std::string> ops(std::string_view description, const std::string& layout) {
  const CheckedModel model = test::checked(description);
  const auto plan = plan_layout(model.model, layout);
  if (!plan) return {plan.error().message};
  std::vector<std::string> result;
  for (const PlanStep& step : plan->steps) {
    if (std::ranges::find(result, step.op) == result.end()) result.push_back(step.op);
  }
  std::ranges::sort(result);
  return result;
}

using LayoutOps = std::vector<std::string>;

TEST_CASE("layout: experts are stacked and taken apart, and names change") {
  CHECK(ops(mixture(""), "fused") == LayoutOps{"stack"});
  CHECK(ops(mixture(R"(, "layout": "fused")"), "hub") == LayoutOps{"split"});
  CHECK(ops(mixture(""), "base") == LayoutOps{"rename"});
  CHECK(ops(mixture(R"(, "layout": "fused")"), "fused").empty());
  CHECK(ops(mixture(""), "hub").empty());
}

TEST_CASE("layout: parts that are not stored, or differ in dtype, make no tensor") {
  CHECK(ops(mixture(R"(, "drop": [")" + kOneGate + R"("])"), "fused") ==
        LayoutOps{"'" + kFused + "' cannot be made: parts of it are not stored"});
  CHECK(
      ops(mixture(R"(, "dtype": {")" + kOneGate + R"(": "F16"})"), "fused") ==
      LayoutOps{"'" + kFused +
                "' cannot be made: 'model.layers.0.mlp.experts.0.gate_proj.weight' is F32, and '" +
                kOneGate + "' is F16"});
}

TEST_CASE("layout: of another shape than the schema's no tensor is cut or read otherwise") {
  for (const std::string shape : {"[1, 4]", "[3, 4]", "[4, 2]", "[8]"}) {
    for (const std::string layout : {"fused", "base"}) {
      CHECK(ops(mixture(R"(, "shape": {")" + kOneGate + R"(": )" + shape + "}"), layout) ==
            LayoutOps{"'" + kOneGate + "' has shape " + shape +
                      ", and the layout is that of [2, 4]"});
    }
  }
}

TEST_CASE("layout: fp8 experts are renamed, and not stacked") {
  const std::string fp8 =
      R"(, "says": {"quantization_config": {"quant_method": "fp8", "weight_block_size": [2, 2]}})";
  CHECK(ops(mixture(fp8), "base") == LayoutOps{"rename"});
  CHECK(ops(mixture(fp8), "fused") ==
        LayoutOps{"'" + kFused +
                  "' would be made of 4 weights (fp8), each with a scale of its own, "
                  "and no loader is known to read such"});
  CHECK(ops(mixture(R"(, "says": {"quantization_config": {"quant_method": "gptq", "bits": 4}},
      "add": {"model.layers.0.self_attn.q_proj.qweight": {"dtype": "I32", "shape": [1, 4], "fill": "iota"}})"),
            "base") ==
        LayoutOps{"the weights are quantised (gptq), and of such no layout is known"});
}

TEST_CASE("layout: without a rule there is none, and a rule has those that it names") {
  const LayoutOps unknown = {"no rule describes this model, so its layouts are not known"};
  CHECK(ops(R"({"files": {"model.safetensors": {"tensors": {
                "a": {"dtype": "U8", "shape": [1], "fill": "one"}}}}})",
            "fused") == unknown);
  CHECK(ops(mixture(R"(, "says": {"num_experts": "two"})"), "fused") == unknown);
  CHECK(ops(mixture(""), "fusd") ==
        LayoutOps{"rule 'qwen2_moe' has no layout 'fusd': it has hub, fused, base"});
}

TEST_CASE("layout: a tensor that is absent as a whole is left absent") {
  CHECK(ops(mixture(R"(, "drop": ["model.norm.weight"])"), "base") == LayoutOps{"rename"});
  CHECK(ops(mixture(R"(, "drop": ["model.layers.0.mlp.experts.*"])"), "fused").empty());
}

}  // namespace
}  // namespace shardwright
