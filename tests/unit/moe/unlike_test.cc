#include "moe/unlike.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "arch/catalogue.h"

namespace shardwright {
namespace {

std::string why_unlike(std::string_view dense, std::string_view mixture) {
  const Catalogue catalogue = Catalogue::builtin();
  const auto rules = mixture_rules();
  REQUIRE(rules);
  const auto rule = std::ranges::find(*rules, mixture, &MixtureRule::name);
  const Schema& schema = *catalogue.find(dense);
  const auto expansion = expand(schema, schema.example);
  REQUIRE(expansion);
  return unlike(*rule, *catalogue.find(mixture), *expansion, schema.example);
}

}  // namespace

TEST_CASE("moe: why a mixture has no place for a model's layers") {
  CHECK(why_unlike("gemma2", "mixtral") ==
        "its layers have 'post_feedforward_layernorm.weight', 'pre_feedforward_layernorm.weight' "
        "that mixtral has no place for");
  CHECK(why_unlike("qwen2", "mixtral") ==
        "its layers have 'self_attn.k_proj.bias', 'self_attn.q_proj.bias', "
        "'self_attn.v_proj.bias' that mixtral has no place for");
  CHECK(why_unlike("llama", "qwen3_moe") ==
        "its layers lack 'self_attn.k_norm.weight', 'self_attn.q_norm.weight'");
  CHECK(why_unlike("exaone4", "mixtral").ends_with("and lack 'input_layernorm.weight'"));
  CHECK(why_unlike("phi", "mixtral").find(" and 7 more that mixtral") != std::string::npos);
  CHECK(why_unlike("smollm3", "mixtral") ==
        "some of its layers know no positions, and all of mixtral do");
  CHECK(why_unlike("qwen2_moe", "mixtral") == "it has experts already");
}

TEST_CASE("moe: every architecture is told why it is not in a mixture that does not take it") {
  const Catalogue catalogue = Catalogue::builtin();
  const auto rules = mixture_rules();
  REQUIRE(rules);
  for (const std::string_view name : catalogue.names()) {
    const Schema& dense = *catalogue.find(name);
    const auto expansion = expand(dense, dense.example);
    REQUIRE(expansion);
    for (const MixtureRule& rule : *rules) {
      if (rule.source(name) != nullptr) continue;
      INFO(name << " to " << rule.name);
      CHECK(!unlike(rule, *catalogue.find(rule.name), *expansion, dense.example).empty());
    }
  }
}

}  // namespace shardwright
