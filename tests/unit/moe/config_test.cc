#include "moe/config.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "arch/catalogue.h"
#include "support/fixture.h"

namespace shardwright {
namespace {

// What the mixture's config says under a key, as JSON; "absent" where it says nothing.
std::string said(std::string_view mixture, std::string_view config, std::string_view key) {
  const Catalogue catalogue = Catalogue::builtin();
  auto checkpoint = open_checkpoint(test::memory_fixture(
      R"({"files": {"config.json": {"json": )" + std::string(config) +
      R"(}, "model.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1]}}}}})"));
  REQUIRE(checkpoint);
  const json::Value& root = *checkpoint->config_value();
  const Schema* dense = catalogue.by_model_type(*root.find("model_type")->string());
  const auto expected = expand(*dense, root);
  REQUIRE(expected);
  const auto rules = mixture_rules();
  const auto rule = std::ranges::find(*rules, mixture, &MixtureRule::name);
  const auto made =
      mixture_config(*rule, {.checkpoint = &*checkpoint, .expected = &*expected},
                     *catalogue.find(mixture), {.experts = 3, .shared = 1, .per_token = 2});
  REQUIRE(made);
  const json::Value* value = made->document.root.find(key);
  return value == nullptr ? "absent" : json::dump(*value);
}

constexpr std::string_view kLlama =
    R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 8,
        "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96,
        "auto_map": {"AutoModel": "x.Y"}})";

}  // namespace

TEST_CASE("moe: a mixture's config says what the base's class takes for granted") {
  CHECK(said("mixtral", kLlama, "model_type") == R"("mixtral")");
  CHECK(said("mixtral", kLlama, "architectures") == R"(["MixtralForCausalLM"])");
  CHECK(said("mixtral", kLlama, "num_local_experts") == "3");
  CHECK(said("mixtral", kLlama, "num_experts_per_tok") == "2");
  CHECK(said("mixtral", kLlama, "rms_norm_eps") == "1e-06");
  CHECK(said("mixtral", kLlama, "num_key_value_heads") == "4");
  CHECK(said("mixtral", kLlama, "auto_map") == "absent");
  CHECK(said("qwen2_moe", kLlama, "qkv_bias") == "false");
  CHECK(said("qwen2_moe", kLlama, "moe_intermediate_size") == "96");
  CHECK(said("granitemoe", kLlama, "attention_multiplier") == "0.25");
}

TEST_CASE("moe: what is set is not said again under another name of it") {
  constexpr std::string_view kDense =
      R"({"model_type": "deepseek_v3", "vocab_size": 8, "hidden_size": 64, "num_hidden_layers": 2,
          "num_attention_heads": 4, "intermediate_size": 96, "first_k_dense_replace": 2,
          "n_routed_experts": 20})";
  CHECK(said("deepseek_v3", kDense, "n_routed_experts") == "3");
  CHECK(said("deepseek_v3", kDense, "num_local_experts") == "absent");
}

TEST_CASE("moe: what the base says stays, and a list has an element a layer") {
  constexpr std::string_view kMistral =
      R"({"model_type": "mistral", "vocab_size": 8, "hidden_size": 64, "num_hidden_layers": 2,
          "num_attention_heads": 4, "intermediate_size": 96, "sliding_window": 7,
          "rms_norm_eps": 0.5, "rope_parameters": {"rope_theta": 5.0, "rope_type": "default"}})";
  CHECK(said("mixtral", kMistral, "sliding_window") == "7");
  CHECK(said("mixtral", kMistral, "rms_norm_eps") == "0.5");
  CHECK(said("mixtral", kMistral, "rope_theta") == "absent");
  CHECK(said("qwen2_moe", kMistral, "layer_types") ==
        R"(["sliding_attention", "sliding_attention"])");
  CHECK(said("qwen2_moe", kMistral, "use_sliding_window") == "true");
}

TEST_CASE("moe: an object is set where its condition holds") {
  constexpr std::string_view kScaled =
      R"({"model_type": "llama", "vocab_size": 8, "hidden_size": 64, "num_hidden_layers": 2,
          "num_attention_heads": 4, "intermediate_size": 96,
          "rope_parameters": {"rope_theta": 5.0, "rope_type": "linear", "factor": 4.0}})";
  CHECK(said("deepseek", kScaled, "rope_scaling") == R"({"type": "linear", "factor": 4.0})");
  CHECK(said("deepseek", kScaled, "rope_theta") == "5.0");
  CHECK(said("deepseek", kLlama, "rope_scaling") == "absent");
  CHECK(said("deepseek", kLlama, "rope_theta") == "10000.0");
}

}  // namespace shardwright
