#include <string>

#include <doctest/doctest.h>

#include "json/value.h"
#include "shardwright/report.h"
#include "shardwright/version.h"
#include "unit/report/sample.h"

namespace shardwright {
namespace {

std::vector<std::string> keys(const json::Value& value) {
  std::vector<std::string> names;
  for (const json::Member& member : *value.object())
    names.push_back(member.key);
  return names;
}

}  // namespace

TEST_CASE("report: the JSON document has the promised keys, in their order") {
  const auto document = json::parse(check_json({sound_model(), broken_model()}));
  REQUIRE(document);
  const json::Value& root = document->root;
  CHECK(keys(root) == std::vector<std::string>{"version", "tool", "models", "summary"});
  CHECK(root.find("version")->whole_number() == 1);
  CHECK(*root.find_path("tool.version")->string() == version());
  const json::Value& model = root.find("models")->array()->at(1);
  CHECK(keys(model) ==
        std::vector<std::string>{"path", "architecture", "facts", "findings", "ignored", "notes"});
  CHECK(keys(*model.find("architecture")) ==
        std::vector<std::string>{"schema", "model_type", "layout", "why"});
  CHECK(keys(*model.find("facts")) ==
        std::vector<std::string>{"tensors", "shards", "parameters", "tensor_bytes", "tied"});
  const json::Value& finding = model.find("findings")->array()->at(1);
  CHECK(keys(finding) == std::vector<std::string>{"code", "name", "severity", "model", "file",
                                                  "tensor", "pointer", "message", "count", "places",
                                                  "targets", "fix"});
  CHECK(finding.find("model")->whole_number() == 1);
  CHECK(finding.find("pointer")->is_null());
  CHECK(*finding.find_path("fix.safety")->string() == "safe");
  CHECK(*finding.find("targets")->array()->at(0).find("prints")->string() ==
        "Received 1 parameters not in model");
  CHECK(model.find("findings")->array()->at(0).find("file")->is_null());
  CHECK(root.find_path("summary.error")->whole_number() == 1);
  CHECK(root.find_path("summary.info")->whole_number() == 0);
}

TEST_CASE("report: what was not recognised or not opened is null or an error, never empty text") {
  ModelReport unknown = sound_model();
  unknown.architecture = ArchitectureFacts{"", "brand_new", "", "no rule"};
  unknown.facts.tied = std::nullopt;
  CHECK(
      check_jsonl(unknown, 0) ==
      R"({"path": "models/sound", "architecture": null, "facts": {"tensors": 290, "shards": 2, )"
      R"("parameters": 2614341888, "tensor_bytes": 5228683776, "tied": null}, "findings": [], "ignored": [], "notes": []})"
      "\n");
  CHECK(
      check_jsonl({.path = "gone", .error = "no such folder: 'gone'"}, 3) ==
      R"({"path": "gone", "error": "no such folder: 'gone'", "architecture": null, "facts": null, "findings": [], "ignored": [], "notes": []})"
      "\n");
}

TEST_CASE("report: a line of JSON gives the place among the models") {
  const auto line = json::parse(check_jsonl(broken_model(), 7));
  REQUIRE(line);
  CHECK(line->root.find("findings")->array()->at(0).find("model")->whole_number() == 7);
}

}  // namespace shardwright
