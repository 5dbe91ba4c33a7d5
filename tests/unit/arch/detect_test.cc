#include "arch/detect.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "rules.h"

namespace shardwright {
namespace {

// Two rules of the same names (one ties), one with more, one with others.
Catalogue small_catalogue() {
  Catalogue catalogue;
  const auto add = [&](std::string_view name, bool tied, std::string_view tensors) {
    const std::string text = fmt::format(
        R"({{"name": "{0}", "model_types": ["{0}"], "aliases": {{"{0}_2": "{0} under another name"}},
          "classes": {{"{0}ForCausalLM": {{}}}}, "source": "", "flags": {{"bias": "bias = false"}},
          "tied": {{"default": {1}, "tensors": {{"lm_head.weight": "embed.weight"}}}},
          "tensors": [{{"embed.weight": "1", "lm_head.weight": "1"}},
            {{"each": "layer < 2", "under": "layers.{{layer}}.", "tensors": [{2},
              {{"when": "bias", "tensors": [{{"q.bias": "1"}}]}}]}}],
          "layouts": [{{"name": "long", "why": "", "rename": {{"^": "model."}}}}]}})",
        name, tied, tensors);
    auto status = catalogue.add(fmt::format("{}.json", name), text);
    INFO((status ? std::string() : status.error().message));
    REQUIRE(status.has_value());
  };
  constexpr std::string_view kPlain = R"({"q.weight": "1", "k.weight": "1", "up.weight": "1"})";
  add("alpaca", true, kPlain);
  add("llama", false, kPlain);
  add("mistral", false, kPlain);
  add("qwen", false, R"({"q.weight": "1", "k.weight": "1", "k.bias": "1", "up.weight": "1"})");
  add("vicuna", false, R"({"a.weight": "1", "b.weight": "1"})");
  return catalogue;
}

std::string detected(std::string_view config, const std::vector<std::string_view>& names = {},
                     std::string_view requested = {}) {
  const Catalogue catalogue = small_catalogue();
  const json::Value value = config.empty() ? json::Value{} : json_value(config);
  const Detection detection =
      detect(catalogue, config.empty() ? nullptr : &value, names, requested);
  const std::string schema = detection.schema == nullptr ? "none" : detection.schema->name;
  return fmt::format("{} by {}: {}", schema, static_cast<int>(detection.by), detection.why);
}

}  // namespace

TEST_CASE("arch: the config says what a checkpoint is, and the reason is told") {
  CHECK(detected(R"({"model_type": "llama", "architectures": ["qwenForCausalLM"]})") ==
        "llama by 2: model_type");
  CHECK(detected(R"({"model_type": "qwen_2"})") ==
        "qwen by 3: model_type 'qwen_2': qwen under another name");
  CHECK(detected(R"({"model_type": "new", "architectures": ["qwenForCausalLM"]})") ==
        "qwen by 4: class 'qwenForCausalLM'");
  CHECK(detected(R"({"architectures": ["qwenForCausalLM"]})") ==
        "qwen by 4: class 'qwenForCausalLM'");
  CHECK(detected(R"({"model_type": "llama"})", {}, "qwen") == "qwen by 1: 'qwen' as asked for");
  CHECK(detected(R"({"model_type": "llama"})", {}, "qwen_2") == "qwen by 1: 'qwen_2' as asked for");
  CHECK(detected(R"({"model_type": "llama"})", {}, "qwem") == "none by 1: 'qwem' as asked for");
  CHECK(detected(R"({"model_type": 7, "architectures": "llama"})") == "none by 0: ");
}

TEST_CASE("arch: names are asked where the config is silent, and only there") {
  const std::vector<std::string_view> plain = {"embed.weight", "layers.0.q.weight",
                                               "layers.1.k.weight", "layers.31.up.weight"};
  std::vector<std::string_view> headed = plain;
  headed.emplace_back("lm_head.weight");
  CHECK(detected("", headed) == "llama by 5: names of tensors, which fit 'mistral' as well");
  CHECK(detected("{}", headed) == "llama by 5: names of tensors, which fit 'mistral' as well");
  CHECK(detected("", plain) == "alpaca by 5: names of tensors");  // tied by default
  std::vector<std::string_view> biased = headed;
  biased.emplace_back("layers.3.k.bias");
  CHECK(detected("", biased) == "qwen by 5: names of tensors");
  biased.emplace_back("layers.3.q.bias");
  CHECK(detected("", biased) == "qwen by 5: names of tensors");
  // New models often have the names of old ones.
  CHECK(detected(R"({"model_type": "brand_new"})", headed) == "none by 0: ");
  CHECK(detected("", {"some.weight", "other.weight"}) == "none by 0: ");
  CHECK(detected("", {"embed.weight"}) == "none by 0: ");
  CHECK(detected("", {}) == "none by 0: ");
  CHECK(detected("", {"model.embed.weight", "model.lm_head.weight", "model.layers.0.a.weight",
                      "model.layers.0.b.weight"}) == "vicuna by 5: names of tensors");
}

}  // namespace shardwright
