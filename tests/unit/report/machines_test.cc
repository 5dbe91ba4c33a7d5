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
  // The rules of what was found, each at its index.
  const json::Value::Array& rules = *run.find_path("tool.driver.rules")->array();
  REQUIRE(rules.size() == 2);
  for (const json::Value& result : results) {
    const json::Value& rule =
        rules.at(static_cast<std::size_t>(*result.find("ruleIndex")->integer()));
    CHECK(*rule.find("id")->string() == *result.find("ruleId")->string());
    CHECK(
        rule.find_path("help.markdown")->string()->starts_with("# " + *rule.find("id")->string()));
  }
  CHECK(results[0].find("suppressions") == nullptr);
}

TEST_CASE("report: the fingerprint of a result is its own, and stays") {
  const auto fingerprints = [](const std::vector<ModelReport>& models) {
    std::vector<std::string> all;
    const auto document = json::parse(check_sarif(models));
    for (const json::Value& result :
         *document->root.find("runs")->array()->at(0).find("results")->array()) {
      all.push_back(*result.find_path("partialFingerprints.primaryLocationLineHash")->string());
    }
    return all;
  };
  ModelReport model = broken_model();
  model.findings.push_back(model.findings.back());
  const auto first = fingerprints({model});
  REQUIRE(first.size() == 3);
  CHECK(first[0] != first[1]);
  CHECK(first[1].ends_with(":1"));
  CHECK(first[2] == first[1].substr(0, first[1].size() - 1) + "2");
  model.findings[0].message = "worded in another way";
  model.findings[0].count = 7;
  model.findings[1].severity = Severity::kInfo;
  CHECK(fingerprints({sound_model(), model}) == first);
  model.path = "another";
  CHECK(fingerprints({model})[0] != first[0]);
}

TEST_CASE("report: what GitHub has no room for is left out, and said") {
  ModelReport model = broken_model();
  Finding many = model.findings.back();
  many.severity = Severity::kInfo;
  const Finding error = model.findings.front();
  model.findings.assign(25'004, many);
  model.findings.front().count = 5000;
  model.findings.front().places.assign(5000, "lm_head.weight");
  model.findings.back() = error;
  const auto document = json::parse(check_sarif({model}));
  const json::Value& run = document->root.find("runs")->array()->at(0);
  const json::Value::Array& results = *run.find("results")->array();
  CHECK(results.size() == 25'000);
  CHECK(*results[0].find("level")->string() == "error");
  CHECK(results[1].find("locations")->array()->size() == 1000);
  const json::Value& notes =
      *run.find("invocations")->array()->at(0).find("toolExecutionNotifications");
  REQUIRE(notes.array()->size() == 1);
  CHECK(*notes.array()->at(0).find_path("message.text")->string() ==
        "4 results of the least severity are left out: a run has room for 25,000");
}

TEST_CASE("report: an ignored finding is a suppressed result, and a notice") {
  ModelReport model = broken_model();
  model.ignored = {model.findings.back()};
  model.findings.clear();
  model.ignored[0].ignored = Ignored{"kept on purpose", ".shardwright.toml:3"};
  const auto document = json::parse(check_sarif({model}));
  const json::Value& result =
      document->root.find("runs")->array()->at(0).find("results")->array()->at(0);
  const json::Value& suppression = result.find("suppressions")->array()->at(0);
  CHECK(*suppression.find("kind")->string() == "external");
  CHECK(*suppression.find("justification")->string() == "kept on purpose (.shardwright.toml:3)");
  CHECK(check_github({model}) ==
        "::notice file=models/broken one/model-00002-of-00002.safetensors,"
        "title=AR410 spurious-tied-head::ignored: kept on purpose (.shardwright.toml:3)\n");
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
  CHECK(check_github({{.path = "gone", .error = "no such folder: 'a\xff\xc3\xa4\xc3'"}}) ==
        "::error title=shardwright::no such folder: 'a\\xff\xc3\xa4\\xc3'\n");
}

TEST_CASE("report: a file is located from where the user is") {
  CHECK(located("m/", "config.json") == "m/config.json");
  CHECK(located("m", "") == "m");
  CHECK(located("m/a.safetensors", "a.safetensors") == "m/a.safetensors");
  CHECK(located("a.safetensors", "a.safetensors") == "a.safetensors");
  CHECK(located("m/model.safetensors.index.json", "a.safetensors") == "m/a.safetensors");
  CHECK(located("model.safetensors.index.json", "a.safetensors") == "a.safetensors");
  CHECK(located("/", "config.json") == "/config.json");
  CHECK(located(".", "config.json") == "config.json");
  CHECK(located(".", "") == ".");
  CHECK(located("./m/", "config.json") == "m/config.json");
  CHECK(located("/a/./m", "config.json") == "/a/m/config.json");
  CHECK(located("./m/a.safetensors", "a.safetensors") == "m/a.safetensors");
  CHECK(located("../m", "config.json") == "../m/config.json");
}

}  // namespace shardwright
