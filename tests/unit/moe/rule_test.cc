#include "moe/rule.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "arch/catalogue.h"
#include "arch/expand.h"
#include "arch/query.h"

namespace shardwright {
namespace {

const std::array<QueryName, 3> kCounts = {{{"experts", 4}, {"shared", 1}, {"per_token", 2}}};

// Every expression of a source has a value for the example of its architecture.
void check_source(const MixtureRule& rule, const MixtureSource& source, const Schema& dense) {
  const ConfigQuery query(dense, dense.example, "", kCounts);
  for (const auto* refusals : {&source.refuse, &source.each}) {
    for (const MixtureRefusal& refusal : *refusals) {
      const auto holds = query.value(refusal.when);
      INFO(refusal.when);
      REQUIRE(holds);
      CHECK(holds->boolean() != nullptr);
      CHECK(!refusal.why.empty());
    }
  }
  for (const auto* settings : {&rule.set, &source.set}) {
    for (const MixtureSetting& setting : *settings) {
      INFO(setting.key);
      for (const std::string& expression : {setting.expression, setting.condition})
        if (!expression.empty()) CHECK(query.value(expression).has_value());
    }
  }
  if (source.layout != "hub")
    CHECK(expand(dense, dense.example, {.layout = source.layout}).has_value());
}

// The same of the way back, whose expressions are of the mixture.
void check_back(const MixtureRule& rule, const MixtureSource& back, const Schema& mixture) {
  const ConfigQuery query(mixture, mixture.example, "");
  for (const MixtureRefusal& refusal : back.refuse) {
    const auto holds = query.value(refusal.when);
    INFO(refusal.when);
    REQUIRE(holds);
    CHECK(holds->boolean() != nullptr);
    CHECK(!refusal.why.empty());
  }
  for (const MixtureSetting& setting : back.set) {
    INFO(setting.key);
    if (!setting.expression.empty()) CHECK(query.value(setting.expression).has_value());
    CHECK(std::ranges::find(rule.without, setting.key) == rule.without.end());
  }
}

std::string why_not(std::string_view text) {
  const auto rule = load_mixture_rule("x.json", text);
  return rule ? "" : rule.error().message;
}

}  // namespace

TEST_CASE("moe: every rule compiled in is of architectures that there are") {
  const Catalogue catalogue = Catalogue::builtin();
  const auto rules = mixture_rules();
  REQUIRE(rules);
  CHECK(rules->size() >= 15);
  std::vector<std::string> first;
  for (const MixtureRule& rule : *rules) {
    INFO(rule.name);
    if (rule.order) first.push_back(rule.name);
    CHECK(catalogue.find(rule.name) != nullptr);
    CHECK(rule.least_shared <= rule.most_shared);
    REQUIRE(!rule.from.empty());
    REQUIRE(!rule.back.empty());
    for (const MixtureSource& back : rule.back) {
      INFO(back.schema);
      REQUIRE(catalogue.find(back.schema) != nullptr);
      check_back(rule, back, *catalogue.find(rule.name));
    }
    if (!rule.factor.empty())
      CHECK(catalogue.find(rule.name)->defaults.find(rule.factor) != nullptr);
    for (const MixtureSource& source : rule.from) {
      INFO(source.schema);
      const Schema* dense = catalogue.find(source.schema);
      REQUIRE(dense != nullptr);
      check_source(rule, source, *dense);
    }
  }
  CHECK(first == std::vector<std::string>{"mixtral", "deepseek", "qwen2_moe", "qwen3_moe"});
}

TEST_CASE("moe: a rule that is wrong says where") {
  constexpr std::string_view kRest =
      R"("under": "l.{layer}.", "tensors": {"e.{expert}.w": "m.w"}, "down": "m.w", "from": {}})";
  CHECK(why_not(R"({"name": "x", )" + std::string(kRest)).empty());
  CHECK(why_not("[").find("x.json") != std::string::npos);
  CHECK(why_not(R"({"nam": "x"})").find("/nam") != std::string::npos);
  CHECK(why_not(R"({"name": "x", "under": "l."})").find("'down'") != std::string::npos);
  CHECK(why_not(R"({"name": "x", "set": {"k": {"sqrt": "hidden"}}, )" + std::string(kRest))
            .find("/set/k") != std::string::npos);
  CHECK(
      why_not(R"({"name": "x", "set": {"k": {"object": {"a": "= hidden"}}}, )" + std::string(kRest))
          .find("'if'") != std::string::npos);
  CHECK(why_not(R"({"name": "x", "shared": {"least": -1}, )" + std::string(kRest))
            .find("/shared/least") != std::string::npos);
}

}  // namespace shardwright
