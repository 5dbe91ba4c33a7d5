// Selection, severities and collapsing, on checkpoints in memory.
#include "check/engine.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "checkpoint/checkpoint.h"
#include "support/fixture.h"

namespace shardwright {
namespace {

Model model_of(std::string_view description) {
  auto opened = open_checkpoint(test::memory_fixture(description));
  REQUIRE(opened.has_value());
  Model model;
  model.checkpoint = *std::move(opened);
  model.index_join = join_index(model.checkpoint);
  return model;
}

std::vector<Finding> run(std::string_view description, const CheckSelection& selection) {
  const Model model = model_of(description);
  return run_checks(model, selection);
}

// Three layers with a dtype that nobody knows, in two files, and a gap in the second.
constexpr std::string_view kTwoFiles = R"({"files": {
  "model-00001-of-00002.safetensors": {
    "header": "{\"__metadata__\":{\"format\":\"pt\"},\"layers.0.w\":{\"dtype\":\"F7\",\"shape\":[1],\"data_offsets\":[0,1]},\"layers.1.w\":{\"dtype\":\"F7\",\"shape\":[1],\"data_offsets\":[1,2]}}",
    "data": "0000"},
  "model-00002-of-00002.safetensors": {
    "header": "{\"__metadata__\":{\"format\":\"pt\"},\"layers.10.w\":{\"dtype\":\"F7\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
    "data": "000000"}}})";

}  // namespace

TEST_CASE("check: repeats over layers and files are one finding with all its places") {
  const auto findings = run(kTwoFiles, {.select = {"ST113"}});
  REQUIRE(findings.size() == 1);
  const Finding& finding = findings.front();
  CHECK(finding.code == "ST113");
  CHECK(finding.name == "unknown-dtype");
  CHECK(finding.count == 3);
  CHECK(finding.tensor == "layers.0.w");
  CHECK(finding.file.empty());  // the places lie in two files, which are listed
  CHECK(finding.places == std::vector<std::string>{"layers.0.w", "layers.1.w", "layers.10.w",
                                                   "model-00001-of-00002.safetensors",
                                                   "model-00002-of-00002.safetensors"});
}

TEST_CASE("check: findings are sorted by file, and those of the whole checkpoint come first") {
  const auto findings = run(kTwoFiles, {.select = {"ST", "IX"}});
  std::vector<std::string> order;
  for (const Finding& finding : findings)
    order.push_back(finding.code + " " + finding.file);
  CHECK(order ==
        std::vector<std::string>{"IX211 ", "ST113 ", "ST123 model-00002-of-00002.safetensors"});
}

TEST_CASE("check: codes, names and prefixes select and ignore") {
  const auto codes = [](const CheckSelection& selection) {
    std::vector<std::string> found;
    for (const Finding& finding : run(kTwoFiles, selection))
      found.push_back(finding.code);
    return found;
  };
  using Codes = std::vector<std::string>;
  CHECK(codes({.select = {"unknown-dtype"}}) == Codes{"ST113"});
  CHECK(codes({.select = {"ST1"}}) == Codes{"ST113", "ST123"});
  CHECK(codes({.select = {"ST1"}, .ignore = {"ST113"}}) == Codes{"ST123"});
  CHECK(codes({.select = {"ST"}, .ignore = {"ST"}}).empty());
}

TEST_CASE("check: a severity is set by code or by name") {
  CHECK(run(kTwoFiles, {.select = {"ST123"}}).front().severity == Severity::kError);
  CHECK(run(kTwoFiles, {.select = {"ST123"}, .severity = {{"ST123", Severity::kInfo}}})
            .front()
            .severity == Severity::kInfo);
  CHECK(
      run(kTwoFiles, {.select = {"ST123"}, .severity = {{"gap-between-tensors", Severity::kInfo}}})
          .front()
          .severity == Severity::kInfo);
}

TEST_CASE("check: what no check is called is refused with the nearest name") {
  const auto refusal = [](const CheckSelection& selection) {
    const Status status = validate(selection);
    return status ? std::string() : status.error().message;
  };
  CHECK(refusal({.select = {"ST113", "unknown-dtype", "IX", "ST1"}}).empty());
  CHECK(refusal({.select = {"overlaping-ranges"}}) ==
        "no check is called 'overlaping-ranges'; the nearest is 'overlapping-ranges'");
  CHECK(refusal({.ignore = {"xyzzy"}}) ==
        "no check is called 'xyzzy': 'shardwright explain --list' lists them");
  CHECK(refusal({.severity = {{"ST", Severity::kInfo}}}) ==
        "'ST' is several checks: a severity is set for one at a time");
  CHECK(validate({.select = {"S"}}).has_value() == false);  // one letter is no prefix
}

TEST_CASE("check: edits of one finding are gathered") {
  const auto findings = run(R"({"files": {
    "model-00001-of-00002.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [1]}}, "metadata": null},
    "model-00002-of-00002.safetensors": {"tensors": {"b": {"dtype": "U8", "shape": [1]}}, "metadata": null},
    "model.safetensors.index.json": {"index": "auto"}}})",
                            {.select = {"ST126"}});
  REQUIRE(findings.size() == 1);
  REQUIRE(findings.front().fix);
  CHECK(findings.front().fix->safety == Safety::kSafe);
  REQUIRE(findings.front().fix->edits.size() == 2);
  CHECK(std::get<edit::RelayShard>(findings.front().fix->edits[1]).file ==
        "model-00002-of-00002.safetensors");
}

}  // namespace shardwright
