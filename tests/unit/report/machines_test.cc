// Forms for programs that show findings beside files.
#include <string>

#include <doctest/doctest.h>

#include "json/value.h"
#include "report/locations.h"
#include "shardwright/report.h"
#include "unit/report/sample.h"

namespace shardwright {

TEST_CASE("report: SARIF holds all models in one run") {
  const auto document = json::parse(check_sarif(
      {broken_model(), sound_model(), {.path = "gone", .error = "no such folder: 'gone'"}}));
  REQUIRE(document);
  const json::Value& root = document->root;
  CHECK(*root.find("version")->string() == "2.1.0");
  REQUIRE(root.find("runs")->array()->size() == 1);
  const json::Value& run = root.find("runs")->array()->at(0);
  const json::Value::Array& results = *run.find("results")->array();
  REQUIRE(results.size() == 2);
  CHECK(*results[0].find("ruleId")->string() == "AR401");
  CHECK(*results[0].find("level")->string() == "error");
  CHECK(results[0].find("locations")->array()->size() == 4);
  const json::Value& place = results[1].find("locations")->array()->at(0);
  CHECK(*place.find_path("physicalLocation.artifactLocation.uri")->string() ==
        "models/broken%20one/model-00002-of-00002.safetensors");
  CHECK(*place.find("logicalLocations")->array()->at(0).find("fullyQualifiedName")->string() ==
        "lm_head.weight");
  CHECK(*results[1].find_path("message.text")->string() ==
        "'lm_head.weight' repeats 'model.embed_tokens.weight'\nsafe fix: drop 'lm_head.weight'");
  const json::Value& invocation = run.find("invocations")->array()->at(0);
  CHECK(!*invocation.find("executionSuccessful")->boolean());
  CHECK(invocation.find("toolExecutionNotifications")->array()->size() == 1);
  CHECK(run.find_path("tool.driver.rules")->array()->size() == all_checks().size());
}

TEST_CASE("report: annotations of a workflow are one line each") {
  ModelReport model = broken_model();
  model.findings.erase(model.findings.begin());
  model.findings[0].message = "50% of\nit";
  CHECK(check_github({model}) ==
        "::warning file=models/broken one/model-00002-of-00002.safetensors,"
        "title=AR410 spurious-tied-head::50%25 of%0Ait%0Asafe fix: drop 'lm_head.weight'\n");
  CHECK(check_github({{.path = "gone", .error = "no such folder: 'gone'"}}) ==
        "::error title=shardwright::no such folder: 'gone'\n");
  CHECK(check_github({sound_model()}).empty());
}

TEST_CASE("report: a file is located from where the user is") {
  CHECK(located("m/", "config.json") == "m/config.json");
  CHECK(located("m", "") == "m");
  CHECK(located("m/a.safetensors", "a.safetensors") == "m/a.safetensors");
  CHECK(located("a.safetensors", "a.safetensors") == "a.safetensors");
  CHECK(located("m/model.safetensors.index.json", "a.safetensors") == "m/a.safetensors");
  CHECK(located("model.safetensors.index.json", "a.safetensors") == "a.safetensors");
  CHECK(located("/", "config.json") == "/config.json");
}

}  // namespace shardwright
