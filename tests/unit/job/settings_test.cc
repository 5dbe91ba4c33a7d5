#include "job/settings.h"

#include <string>

#include <doctest/doctest.h>

#include "support/fixture.h"
#include "support/rule_case.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

// A model with an unexpected tensor in each of three layers, which are one finding.
std::string layered() {
  return test::rule_case(R"({"rule": "llama", "config": {"num_hidden_layers": 3}, "add": {
      "model.layers.0.odd.weight": {"dtype": "BF16", "shape": [2]},
      "model.layers.1.odd.weight": {"dtype": "BF16", "shape": [2]},
      "model.layers.2.odd.weight": {"dtype": "BF16", "shape": [2]}}})");
}

ModelReport checked(const std::string& path, const std::vector<IgnoreRule>& rules) {
  CheckOptions options;
  options.settings = CheckSettings{.ignores = rules};
  auto reports = check({path}, options);
  REQUIRE(reports);
  REQUIRE(reports->front().error.empty());
  return reports->front();
}

}  // namespace

TEST_CASE("job: a rule ignores the places it fits, and leaves the rest of a finding") {
  const test::TempDir dir;
  test::write_fixture(layered(), dir.path());
  ModelReport report = checked(dir.path(), {});
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].code == "AR402");
  CHECK(report.findings[0].count == 3);

  report = checked(dir.path(), {{.code = "AR402", .tensor = "model.layers.1.*", .reason = "a"}});
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].places ==
        std::vector<std::string>{"model.layers.0.odd.weight", "model.layers.2.odd.weight"});
  REQUIRE(report.ignored.size() == 1);
  CHECK(report.ignored[0].places == std::vector<std::string>{"model.layers.1.odd.weight"});
  CHECK(report.ignored[0].ignored->reason == "a");

  // Two reasons are two findings; of two rules that fit the first counts.
  report = checked(dir.path(), {{.code = "AR402", .tensor = "*.0.odd.weight", .reason = "a"},
                                {.code = "AR402", .file = "model.safetensors", .reason = "b"}});
  CHECK(report.findings.empty());
  REQUIRE(report.ignored.size() == 2);
  CHECK(report.ignored[0].ignored->reason == "a");
  CHECK(report.ignored[1].count == 2);

  // Another check, another file, another name.
  report = checked(dir.path(), {{.code = "AR401", .reason = "a"},
                                {.code = "AR402", .file = "other.safetensors", .reason = "b"},
                                {.code = "AR402", .tensor = "odd.weight", .reason = "c"}});
  CHECK(report.findings.size() == 1);
  CHECK(report.findings[0].count == 3);
  CHECK(report.ignored.empty());
}

TEST_CASE("job: a rule beside the model silences no error") {
  const test::TempDir dir;
  test::write_fixture(layered(), dir.path());
  CheckOptions options;
  options.severity["AR402"] = Severity::kError;
  options.settings = CheckSettings{.ignores = {{.code = "AR402", .reason = "a"}}, .beside = true};
  auto reports = check({dir.path()}, options);
  REQUIRE(reports);
  CHECK(reports->front().findings.size() == 1);
  options.severity["AR402"] = Severity::kWarning;
  reports = check({dir.path()}, options);
  REQUIRE(reports);
  CHECK(reports->front().findings.empty());
  CHECK(reports->front().ignored.size() == 1);
}

TEST_CASE("job: TOML and JSON say the same") {
  const auto toml = parse_check_settings(
      "fail-on = \"info\"\nseverity = {spurious-tied-head = \"error\"}\n[[ignore]]\n"
      "code = \"ST120\"\nreason = \"a\"\ntensor = \"t\"\n",
      "x.toml", SettingsOrigin::kGiven);
  const auto json = parse_check_settings(
      R"({"$schema": "config-file.schema.json", "fail-on": "info", "severity": {"spurious-tied-head": "error"},

          "ignore": [{"code": "range-size-mismatch", "reason": "a", "tensor": "t"}]})",
      "x.json", SettingsOrigin::kGiven);
  for (const auto* settings : {&toml, &json}) {
    REQUIRE(*settings);
    CHECK((*settings)->fail_on == Severity::kInfo);
    CHECK((*settings)->severity == std::map<std::string, Severity>{{"AR412", Severity::kError}});
    REQUIRE((*settings)->ignores.size() == 1);
    CHECK((*settings)->ignores[0].code == "ST120");
    CHECK((*settings)->ignores[0].tensor == "t");
  }
  CHECK(toml->ignores[0].place == "x.toml:3");
  CHECK(json->ignores[0].place == "x.json:3");
}

}  // namespace shardwright
