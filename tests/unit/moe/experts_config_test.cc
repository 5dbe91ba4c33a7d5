// Configs of what is made of a mixture's experts.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "arch/catalogue.h"
#include "moe/config.h"
#include "moe/prune_config.h"
#include "support/fixture.h"

namespace shardwright {
namespace {

// A mixture that consists of a config.
struct StoredWeights {
  explicit StoredWeights(const std::string& config) : catalogue(Catalogue::builtin()) {
    auto opened = open_checkpoint(test::memory_fixture(
        R"({"files": {"config.json": {"json": )" + config +
        R"(}, "model.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1]}}}}})"));
    REQUIRE(opened);
    checkpoint = *std::move(opened);
    const json::Value& root = *checkpoint.config_value();
    auto made = expand(*catalogue.by_model_type(*root.find("model_type")->string()), root);
    REQUIRE(made);
    expected = *std::move(made);
    REQUIRE(expected.usable);
  }

  [[nodiscard]] MergeInput input() const {
    return {.checkpoint = &checkpoint, .expected = &expected};
  }

  Catalogue catalogue;
  Checkpoint checkpoint;
  Expansion expected;
};

std::string under(const json::Value& config, std::string_view key) {
  const json::Value* value = config.find(key);
  return value == nullptr ? "absent" : json::dump(*value);
}

std::string with(const std::string& model_type, const std::string& more) {
  return R"({"model_type": ")" + model_type +
         R"(", "vocab_size": 8, "hidden_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16,
             "intermediate_size": 96)" +
         (more.empty() ? "}" : ", " + more + "}");
}

// A key of the config when those experts are kept, or what stands in the way.
std::string pruned(const std::string& model_type, const std::string& more,
                   const std::vector<std::uint64_t>& kept, std::string_view key) {
  const StoredWeights stored(with(model_type, more));
  const auto made = pruned_config(stored.input(), kept);
  return made ? under(made->document.root, key) : made.error().message;
}

std::size_t notes_of(const std::string& model_type, const std::string& more,
                     const std::vector<std::uint64_t>& kept) {
  const StoredWeights stored(with(model_type, more));
  const auto made = pruned_config(stored.input(), kept);
  REQUIRE(made);
  return made->notes.size();
}

bool has(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("experts: the count is written under each key that says it, or under the class's own") {
  CHECK(pruned("mixtral", R"("num_local_experts": 4)", {0, 2, 3}, "num_local_experts") == "3");
  CHECK(pruned("mixtral", R"("num_experts": 4)", {0, 2, 3}, "num_experts") == "3");
  CHECK(pruned("mixtral", R"("num_experts": 4)", {0, 2, 3}, "num_local_experts") == "absent");
  CHECK(pruned("mixtral", "", {0, 2, 3}, "num_local_experts") == "3");
  CHECK(pruned("qwen3_moe", R"("num_experts": 4, "num_local_experts": 4, "norm_topk_prob": true)",
               {0, 1}, "num_local_experts") == "2");
}

TEST_CASE("experts: a token goes to no more experts than are kept") {
  const std::string four = R"("num_local_experts": 4, "num_experts_per_tok": 3)";
  CHECK(pruned("mixtral", four, {0, 1, 2}, "num_experts_per_tok") == "3");
  CHECK(pruned("mixtral", four, {0, 1}, "num_experts_per_tok") == "2");
  CHECK(pruned("mixtral", R"("num_local_experts": 4)", {1}, "num_experts_per_tok") == "1");
  CHECK(pruned("mixtral", R"("num_local_experts": 4)", {1, 2}, "num_experts_per_tok") == "absent");
  CHECK(pruned("hunyuan_v1_moe", R"("num_experts": 4, "moe_topk": [1, 3])", {1, 2}, "moe_topk") ==
        "[1, 2]");
  CHECK(notes_of("mixtral", four, {0, 1, 2}) == 0);
  CHECK(notes_of("mixtral", four, {0, 1}) == 1);
}

TEST_CASE("experts: weights that grow with fewer experts are told") {
  const std::string four = R"("num_experts": 4, "num_experts_per_tok": 2)";
  CHECK(notes_of("qwen3_moe", four, {0, 1}) == 1);
  CHECK(notes_of("qwen3_moe", four + R"(, "norm_topk_prob": true)", {0, 1}) == 0);
  CHECK(notes_of("qwen3_moe", four + R"(, "norm_topk_prob": false)", {0, 1}) == 1);
}

TEST_CASE("experts: groups of experts stay even, or the reason is said") {
  const std::string v3 = R"("n_routed_experts": 12, "n_group": 3, "topk_group": 1,
      "num_experts_per_tok": 3, "kv_lora_rank": 8, "q_lora_rank": null, "qk_nope_head_dim": 16,
      "qk_rope_head_dim": 16, "v_head_dim": 16, "first_k_dense_replace": 0)";
  CHECK(pruned("deepseek_v3", v3, {0, 3, 4, 5, 8, 9}, "n_routed_experts") == "6");
  // Two of each group, of which one is looked at.
  CHECK(pruned("deepseek_v3", v3, {0, 3, 4, 5, 8, 9}, "num_experts_per_tok") == "2");
  CHECK(has(pruned("deepseek_v3", v3, {0, 1, 2, 4, 5, 8}, ""),
            "--keep names 1 of experts 8 to 11 and 3 of experts 0 to 3"));
  CHECK(has(pruned("deepseek_v3", v3, {0, 1}, ""), "--keep names 2"));
  CHECK(has(pruned("deepseek_v3", v3, {0, 4, 8}, ""), "a group needs two experts"));
}

TEST_CASE("experts: a dense config has what the dense class lacks, and nothing of experts") {
  const StoredWeights stored(with("qwen3_moe", R"("num_experts": 4, "moe_intermediate_size": 32,
      "norm_topk_prob": true, "auto_map": {"A": "b"})"));
  const auto rules = mixture_rules();
  REQUIRE(rules);
  const auto rule = std::ranges::find(*rules, "qwen3_moe", &MixtureRule::name);
  const auto made =
      dense_config(*rule, rule->back.front(), stored.input(), *stored.catalogue.find("qwen3"));
  REQUIRE(made);
  const json::Value& config = made->document.root;
  CHECK(under(config, "model_type") == R"("qwen3")");
  CHECK(under(config, "architectures") == R"(["Qwen3ForCausalLM"])");
  CHECK(under(config, "intermediate_size") == "32");
  for (const char* key : {"num_experts", "num_experts_per_tok", "norm_topk_prob", "auto_map",
                          "moe_intermediate_size", "decoder_sparse_step"}) {
    INFO(key);
    CHECK(under(config, key) == "absent");
  }
}

}  // namespace shardwright
