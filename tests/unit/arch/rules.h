// Small rules for tests, and their expansions as text.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "arch/expand.h"
#include "json/value.h"

namespace shardwright {

// A mixture of experts with all that a rule can have.
inline constexpr std::string_view kTinyRule = R"json({
  "name": "tiny",
  "model_types": ["tiny"],
  "aliases": {"tinier": "Tinier is Tiny under another name"},
  "classes": {
    "TinyForCausalLM": {},
    "TinyForSequenceClassification": {"without": ["lm_head.weight"], "with": [{"score.weight": "labels, hidden"}]},
    "TinyModel": {"without": ["lm_head.weight"], "strip": "model."}
  },
  "source": "this test",
  "sizes": {
    "vocab": "vocab_size",
    "hidden": "hidden_size = 8",
    "layers": "num_hidden_layers = 2",
    "heads": "num_attention_heads = 2",
    "kv": "num_key_value_heads = 1 ?? heads",
    "head": "head_dim ?? hidden / heads",
    "experts": "num_experts | num_local_experts = 2",
    "top": "num_experts_per_tok = 1",
    "ffn": "intermediate_size = 4"
  },
  "flags": {"bias": "qkv_bias = false"},
  "lists": {
    "types": {"each": "layer < layers", "is": "layer_types.{layer} = 'sparse'"},
    "skip": "mlp_only_layers ?? []"
  },
  "require": {
    "top <= experts": "more experts per token than experts",
    "len(skip) == 0 or skip[0] < layers": "the first dense layer is none of the layers"
  },
  "defaults": {"rope_theta": 10000.0, "hidden_act": "silu", "sliding_window": null},
  "tied": {"default": false, "tensors": {"lm_head.weight": "model.embed_tokens.weight"}},
  "keys": {"vocabulary": "vocab_size", "layers": "num_hidden_layers", "per_layer": ["layer_types"]},
  "roles": {
    "embedding": "embed_tokens.weight",
    "head": "lm_head.weight",
    "router": "mlp.gate.weight",
    "expert": "mlp.experts.{expert}.*",
    "norm": "*norm.weight",
    "score": "score.weight"
  },
  "ignored": ["model.layers.{layers}.*", "*.position_ids"],
  "dtypes": {"mlp.gate.weight": "float32"},
  "tensors": [
    {"model.embed_tokens.weight": "vocab, hidden"},
    {"each": "layer < layers", "under": "model.layers.{layer}.", "tensors": [
      {"self_attn.q_proj.weight": "heads * head, hidden", "self_attn.k_proj.weight": "kv * head, hidden"},
      {"when": "bias", "optional": "layer == 0", "tensors": [{"self_attn.q_proj.bias": "heads * head"}]},
      {"when": "types[layer] == 'sparse' and layer not in skip", "under": "mlp.", "tensors": [
        {"gate.weight": "experts, hidden"},
        {"each": "expert < experts", "under": "experts.{expert}.", "tensors": [
          {"w1.weight": "ffn, hidden", "w2.weight": "hidden, ffn", "w3.weight": "ffn, hidden"}
        ]}
      ], "else": [{"up_proj.weight": "4 * ffn, hidden", "down_proj.weight": "hidden, 4 * ffn"}]},
      {"norm.weight": "hidden"}
    ]},
    {"model.norm.weight": "hidden"},
    {"lm_head.weight": "vocab, hidden"}
  ],
  "layouts": [
    {"name": "fused", "why": "experts in one tensor",
     "stack": [
       {"under": "model.layers.{layer}.mlp.experts.", "over": "expert", "of": ["{expert}.w1.weight", "{expert}.w3.weight"],
        "to": "model.layers.{layer}.mlp.experts.gate_up_proj"},
       {"under": "model.layers.{layer}.mlp.experts.", "over": "expert", "of": ["{expert}.w2.weight"],
        "to": "model.layers.{layer}.mlp.experts.down_proj"}
     ],
     "rename": {"mlp.gate.": "mlp.router."}},
    {"name": "turned", "why": "experts in one tensor, inputs first",
     "stack": [
       {"under": "model.layers.{layer}.mlp.experts.", "over": "expert", "of": ["{expert}.w1.weight", "{expert}.w3.weight"],
        "to": "model.layers.{layer}.mlp.experts.gate_up_proj", "transpose": true}
     ],
     "transpose": ["*.self_attn.q_proj.weight"]},
    {"name": "packed", "why": "query and key in one tensor, the embedding in two",
     "concat": [
       {"under": "model.layers.{layer}.self_attn.", "of": ["q_proj.weight", "k_proj.weight"],
        "to": "model.layers.{layer}.self_attn.qk_proj.weight"}
     ],
     "split": [{"of": "model.embed_tokens.weight", "to": ["model.embed_a.weight", "model.embed_b.weight"],
                "sizes": ["vocab - 2", "2"]}]},
    {"name": "bare", "why": "without the prefix", "rename": {"^model.": ""}}
  ]
})json";

inline Schema tiny_rule(std::string_view text = kTinyRule) {
  auto schema = load_schema("tiny.json", text);
  INFO((schema ? std::string() : schema.error().message));
  REQUIRE(schema.has_value());
  return std::move(*schema);
}

inline json::Value json_value(std::string_view text) {
  auto document = json::parse(text);
  REQUIRE(document.has_value());
  return std::move(document->root);
}

// A line a tensor: name, shape, role, "?" where it is optional, the dtype where it is no other's.
inline std::string tensors_text(const Expansion& expansion) {
  std::string text;
  for (const ExpectedTensor& tensor : expansion.tensors) {
    text += fmt::format("{} {}", tensor.name, shape_text(tensor.shape));
    if (tensor.role != Role::kNone) text += fmt::format(" {}", role_name(tensor.role));
    if (tensor.dtype == ExpectedDType::kWider) text += " wider";
    if (tensor.dtype == ExpectedDType::kFp8) text += " fp8";
    if (tensor.optional) text += " ?";
    text += '\n';
  }
  return text;
}

// A line a problem: "/key: message".
inline std::string problems_text(const Expansion& expansion) {
  std::string text;
  for (const ConfigProblem& problem : expansion.problems)
    text += fmt::format("{}: {}\n", problem.pointer, problem.message);
  return text;
}

inline Expansion expanded(const Schema& schema, std::string_view config,
                          const ExpandRequest& request = {}) {
  auto expansion = expand(schema, json_value(config), request);
  INFO((expansion ? std::string() : expansion.error().message));
  REQUIRE(expansion.has_value());
  return std::move(*expansion);
}

}  // namespace shardwright
