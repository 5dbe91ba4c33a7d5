// From words to the options of a job, without touching the disk.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tools/cmd_check.h"
#include "tools/cmd_repair.h"

namespace shardwright {
namespace {

using Words = std::vector<std::string>;

std::string check_refusal(const Words& words) {
  const auto parsed = check_arguments(words);
  return parsed ? "" : parsed.error().message;
}

std::string repair_refusal(const Words& words) {
  const auto parsed = repair_arguments(words);
  return parsed ? "" : parsed.error().message;
}

ModelReport model_with(Severity severity) {
  return {.path = "m", .findings = {{.severity = severity}}};
}

}  // namespace

TEST_CASE("tools: check's words become its options") {
  const auto parsed =
      check_arguments(Words{"a", "b", "--data", "--severity", "AR410=error", "--severity=ST1=info",
                            "--fail-on", "error", "--threads", "2", "--rules-dir", "r", "--quiet"});
  REQUIRE(parsed);
  CHECK(parsed->models == Words{"a", "b"});
  CHECK(parsed->options.data);
  CHECK(parsed->options.threads == 2);
  CHECK(parsed->options.rules_dir == "r");
  CHECK(parsed->options.severity.at("AR410") == Severity::kError);
  CHECK(parsed->options.severity.at("ST1") == Severity::kInfo);
  CHECK(parsed->fail_on == Severity::kError);
  CHECK(parsed->common.quiet);
}

TEST_CASE("tools: check refuses what makes no sense") {
  CHECK(check_refusal({}) ==
        "no MODEL given: a folder, a .safetensors file, an index, or a hub id");
  CHECK(check_refusal({"a", "--severity", "AR410"}) ==
        "option '--severity' takes CODE=LEVEL with error, warning or info, not 'AR410'");
  CHECK(check_refusal({"a", "--severity", "=error"}) ==
        "option '--severity' takes CODE=LEVEL with error, warning or info, not '=error'");
  CHECK(check_refusal({"a", "--fail-on", "never"}) ==
        "option '--fail-on' takes error, warning or info, not 'never'");
  CHECK(check_refusal({"--files-from", "list"}) == "");
}

TEST_CASE("tools: exit codes follow the threshold, and what could not be done wins") {
  CHECK(check_exit_code({}, Severity::kWarning) == 0);
  CHECK(check_exit_code({model_with(Severity::kInfo)}, Severity::kWarning) == 0);
  CHECK(check_exit_code({model_with(Severity::kInfo)}, Severity::kInfo) == 1);
  CHECK(check_exit_code({model_with(Severity::kWarning)}, Severity::kWarning) == 1);
  CHECK(check_exit_code({model_with(Severity::kWarning)}, Severity::kError) == 0);
  CHECK(check_exit_code({model_with(Severity::kError), {.path = "x", .error = "gone"}},
                        Severity::kError) == 2);
}

TEST_CASE("tools: repair's words become its options") {
  const auto parsed = repair_arguments(
      Words{"m", "--output", "o", "--unsafe", "--partial", "--copy", "--dry-run", "--select", "AR",
            "--materialize-tied", "--layout", "hub", "--format", "json"});
  REQUIRE(parsed);
  CHECK(parsed->options.output == "o");
  CHECK(parsed->options.unsafe);
  CHECK(parsed->options.partial);
  CHECK(parsed->options.copy);
  CHECK(parsed->options.dry_run);
  CHECK(parsed->options.tie == TieForm::kMaterialize);
  CHECK(parsed->options.layout == "hub");
  CHECK(parsed->options.check.select == Words{"AR"});
  CHECK(parsed->json);
  CHECK(parsed->action == RepairAction::kRepair);

  const auto in_place = repair_arguments(Words{"m", "--in-place"});
  REQUIRE(in_place);
  CHECK(in_place->options.output.empty());
  CHECK(repair_arguments(Words{"m", "--undo"})->action == RepairAction::kUndo);
  CHECK(repair_arguments(Words{"m", "--forget"})->action == RepairAction::kForget);
}

TEST_CASE("tools: repair refuses a target that is absent or double") {
  CHECK(repair_refusal({"m"}) == "nothing says where the result goes: --output DIR, or --in-place");
  CHECK(repair_refusal({"m", "--output", "o", "--in-place"}) ==
        "--output, --in-place, --undo and --forget exclude each other");
  for (const Words& idle :
       {Words{"--unsafe"}, Words{"--partial"}, Words{"--copy"}, Words{"--select", "AR"},
        Words{"--ignore", "AR"}, Words{"--drop-tied"}, Words{"--materialize-tied"},
        Words{"--untie"}, Words{"--layout", "hub"}, Words{"--arch", "llama"}}) {
    for (const char* action : {"--undo", "--forget"}) {
      Words words = {"m", action};
      words.insert(words.end(), idle.begin(), idle.end());
      CHECK(repair_refusal(words).starts_with(std::string(action) + " takes no " + idle.front() +
                                              ": it "));
    }
  }
  CHECK(repair_refusal({"m", "--undo", "--dry-run", "--format", "json", "--quiet"}).empty());
  CHECK(repair_refusal({"m", "--forget", "--dry-run", "--threads", "1"}).empty());
  CHECK(repair_refusal({"m", "--in-place", "--untie", "--drop-tied"}) ==
        "--drop-tied, --materialize-tied and --untie exclude each other");
  CHECK(repair_refusal({"--in-place"}) == "no MODEL given");
  CHECK(repair_refusal({"m", "n", "--in-place"}) == "unexpected argument 'n'");
}

}  // namespace shardwright
