#include "forward/decoder.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "moe/rule.h"
#include "unit/forward/made_model.h"

namespace shardwright {
namespace {

using test::MadeModel;

std::string refusal(const MadeModel& model) {
  const auto decoder = model.decoder();
  REQUIRE_FALSE(decoder);
  return decoder.error().message;
}

}  // namespace

TEST_CASE(
    "forward: every dense model that a mixture takes has a family, in the layout it has there") {
  const auto rules = mixture_rules();
  REQUIRE(rules);
  for (const MixtureRule& rule : *rules) {
    for (const MixtureSource& source : rule.from) {
      CAPTURE(source.schema);
      const DecoderFamily* family = decoder_family(source.schema);
      REQUIRE(family != nullptr);
      CHECK(family->layout == source.layout);
    }
  }
  CHECK(decoder_family("gpt2") == nullptr);
}

TEST_CASE("forward: the decoder of each family is found, but for its last layer") {
  for (const std::string schema :
       {"llama", "mistral", "qwen2", "seed_oss", "qwen3", "granite", "gemma", "olmo2", "ernie4_5",
        "hunyuan_v1_dense", "cohere2", "lfm2"}) {
    CAPTURE(schema);
    const MadeModel model(schema, {{"num_hidden_layers", "4"}});
    const auto decoder = model.decoder();
    REQUIRE(decoder);
    CHECK(decoder->layers.size() == 3);
    CHECK(decoder->hidden == 64);
    CHECK(working_floats(*decoder) > 3 * decoder->hidden);
    CHECK(layer_bytes(*decoder) > 0);
  }
  const MadeModel latent("deepseek_v3", {{"first_k_dense_replace", "3"}});
  REQUIRE(latent.decoder());
  CHECK(latent.decoder()->head == 24);
  CHECK(latent.decoder()->head_value == 24);
}

TEST_CASE("forward: windows, convolutions and positions by layer") {
  const MadeModel cohere("cohere2", {{"num_hidden_layers", "5"}, {"sliding_window", "7"}});
  const auto mixed = cohere.decoder();
  REQUIRE(mixed);
  CHECK(mixed->layers[2].window == 7);
  CHECK(mixed->layers[2].rotates);
  CHECK(mixed->layers[3].window == 0);
  CHECK_FALSE(mixed->layers[3].rotates);

  const MadeModel lfm2("lfm2", {{"full_attn_idxs", "[1]"}});
  REQUIRE(lfm2.decoder());
  CHECK(lfm2.decoder()->layers[0].convolves);
  CHECK(lfm2.decoder()->layers[0].taps == 3);
  CHECK_FALSE(lfm2.decoder()->layers[1].convolves);

  MadeModel qwen("qwen2", {{"num_hidden_layers", "3"}});
  CHECK(qwen.decoder()->layers[1].window == 0);
  qwen.set("sliding_window", "5");
  qwen.set("max_window_layers", "1");
  CHECK(qwen.decoder()->layers[1].window == 0);
  qwen.set("use_sliding_window", "true");
  CHECK(qwen.decoder()->layers[0].window == 0);
  CHECK(qwen.decoder()->layers[1].window == 5);
  qwen.set("layer_types", R"(["sliding_attention", "full_attention", "full_attention"])");
  CHECK(qwen.decoder()->layers[0].window == 5);
  CHECK(qwen.decoder()->layers[1].window == 0);
}

TEST_CASE("forward: what is not handled is refused with key and value") {
  using Change = std::pair<std::string, std::string>;
  const std::vector<std::pair<Change, std::string>> cases = {
      {{"hidden_act", R"("mish")"}, "a forward pass with hidden_act 'mish' is not supported"},
      {{"rms_norm_eps", R"("small")"}, "rms_norm_eps"},
      {{"num_attention_heads", "0"}, "heads"},
      {{"num_attention_heads", "-4"}, "heads"},
      {{"num_attention_heads", "4611686018427387904"}, "heads"},
      {{"num_key_value_heads", "0"}, "kv"},
      {{"num_key_value_heads", "3"}, "num_key_value_heads 3"},
      {{"head_dim", "7"}, "head_dim 7"},
      {{"head_dim", "4611686018427387904"}, "head"},
      {{"head_dim", "64"}, "[256, 64]"},
      {{"hidden_size", "0"}, "hidden"},
      {{"hidden_size", "32"}, "model.embed_tokens.weight"},
      {{"num_hidden_layers", "0"}, "layers"},
      {{"num_hidden_layers", "1000000000"}, "layers"},
      {{"num_hidden_layers", "1000000"}, "model.layers.2.input_layernorm.weight"},
      {{"intermediate_size", "0"}, ""},
  };
  for (const auto& [change, words] : cases) {
    CAPTURE(change.first);
    CAPTURE(change.second);
    MadeModel model("llama");
    model.set(change.first, change.second);
    if (words.empty()) {
      CHECK(model.decoder());  // the tensors say it
    } else {
      CHECK(refusal(model).find(words) != std::string::npos);
    }
  }
  MadeModel window("mistral");
  window.set("sliding_window", "0");
  CHECK(refusal(window) == "a forward pass with sliding_window 0 is not supported");
  MadeModel types("qwen3");
  types.set("layer_types", R"(["chunked_attention", "full_attention"])");
  CHECK(refusal(types) == "a forward pass with layer_types 'chunked_attention' is not supported");
  MadeModel short_types("qwen3", {{"num_hidden_layers", "3"}});
  short_types.set("layer_types", R"(["full_attention"])");
  CHECK(refusal(short_types) == "a forward pass with layer_types of 1 layers is not supported");
  MadeModel gemma("gemma");
  gemma.set("use_bidirectional_attention", "true");
  CHECK(refusal(gemma).find("use_bidirectional_attention true") != std::string::npos);
  CHECK(refusal(MadeModel("gpt2")) == "a forward pass of gpt2 is not known");
}

}  // namespace shardwright
