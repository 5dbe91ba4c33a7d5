#include <string>

#include <doctest/doctest.h>

#include "json/value.h"
#include "shardwright/report.h"
#include "unit/report/sample.h"

namespace shardwright {
namespace {

RepairReport dropped_head() {
  return {.model = "m",
          .plan = {{"drop", "model-00002-of-00002.safetensors", "lm_head.weight",
                    "equal to 'model.embed_tokens.weight' byte for byte", "AR410", Safety::kSafe},
                   {"index", "model.safetensors.index.json", "", "'lm_head.weight' is gone",
                    "AR410", Safety::kSafe}},
          .before = {.warning = 1},
          .published = true,
          .bytes_written = 1'000'000,
          .bytes_linked = 2'000'000};
}

}  // namespace

TEST_CASE("report: a repair says what it did, where, and what it cost") {
  CHECK(
      repair_text(dropped_head(), {.output = "out dir"}) ==
      "model-00002-of-00002.safetensors\n"
      "  drop 'lm_head.weight': equal to 'model.embed_tokens.weight' byte for byte (AR410, safe)\n"
      "model.safetensors.index.json\n"
      "  index: 'lm_head.weight' is gone (AR410, safe)\n"
      "\n"
      "wrote 'out dir': 1.00 MB written, 2.00 MB linked\n"
      "before: 1 warning; after: nothing found\n");
}

TEST_CASE("report: a repair in place tells how to go back") {
  CHECK(repair_text(dropped_head(), {})
            .ends_with("repaired m: 1.00 MB written, 2.00 MB linked\n"
                       "to put back what it was: shardwright repair m --undo\n"
                       "to keep it and free the space: shardwright repair m --forget\n"
                       "before: 1 warning; after: nothing found\n"));
}

TEST_CASE("report: a plan of many like steps shows the first") {
  RepairReport report{.model = "m"};
  for (int i = 0; i < 291; ++i)
    report.plan.push_back(
        {"rename", "a.safetensors", "t" + std::to_string(i), "", "AR420", Safety::kSafe});
  const std::string text = repair_text(report, {.output = "o", .dry_run = true});
  CHECK(
      text.find("  rename 't4' (AR420, safe)\n  and 286 more of this kind\n\ndry run: nothing was "
                "written\n") != std::string::npos);
  const auto document = json::parse(repair_json(report));
  REQUIRE(document);
  CHECK(document->root.find("plan")->array()->size() == 291);
}

TEST_CASE("report: a refusal says why, and what is left") {
  RepairReport report{.model = "m",
                      .left = {missing_projections()},
                      .before = {.error = 1},
                      .after = {.error = 1},
                      .refused = "1 error would be left"};
  const std::string text = repair_text(report, {.output = "o"});
  CHECK(text.starts_with("left\nthe checkpoint as a whole\n  error AR401 missing-tensor: "));
  CHECK(
      text.ends_with("nothing was written: 1 error would be left\n"
                     "before: 1 error; after: 1 error\n"));
}

TEST_CASE("report: the JSON of a repair has the promised keys") {
  const auto document = json::parse(repair_json(dropped_head()));
  REQUIRE(document);
  const json::Value& root = document->root;
  for (const char* key : {"version", "model", "plan", "left", "before", "after", "published",
                          "bytes_written", "bytes_linked"}) {
    CHECK_MESSAGE(root.find(key) != nullptr, key);
  }
  const json::Value& step = root.find("plan")->array()->at(1);
  CHECK(step.find("tensor")->is_null());
  CHECK(*step.find("op")->string() == "index");
  CHECK(*root.find("published")->boolean());
  CHECK(root.find_path("before.warning")->whole_number() == 1);
}

}  // namespace shardwright
