// check_case FOLDER: writes the checkpoint that FOLDER/case.json describes, checks it, and compares
// what is found with FOLDER/check.out. Where the case asks for a repair, the steps of it are
// compared with repair.out, and what a check finds in the result with recheck.out; what was to be
// mended must be gone, and a second repair must find nothing to do. With UPDATE=1 in the
// environment the files are written anew.
//
// case.json is a fixture (tests/support/fixture.h) or made from a rule (tests/support/rule_case.h),
// with, beside "files" and "mode":
//   "model": "model.safetensors"                   the file to check; the folder where it is absent
//   "check": {"data": true, "arch": "llama"}       options of check
//   "repair": ["--unsafe"]                         also repair, with these options
//   "merged_with": [{...}]                         instead: what the inputs of a merge of this
//   model with
//                                                  these are to each other
//   "recipe": "dtype: float32"                     further lines of the merge's recipe
//   "written": true                                instead: what a check of its result says
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "shardwright/check_job.h"
#include "shardwright/merge_job.h"
#include "shardwright/repair_job.h"
#include "support/fixture.h"
#include "support/rule_case.h"
#include "support/temp_dir.h"

namespace shardwright::test {
namespace {

using Json = nlohmann::json;

// One finding: severity, code, name, file, tensor, JSON pointer and number of places; its message;
// its fix.
std::string finding_text(const Finding& finding) {
  std::string text =
      fmt::format("{} {} {}", severity_name(finding.severity), finding.code, finding.name);
  if (!finding.file.empty()) text += " " + printable(finding.file);
  if (!finding.tensor.empty()) text += " " + shardwright::quoted(finding.tensor);
  if (!finding.pointer.empty()) text += " " + printable(finding.pointer);
  text += fmt::format(" {}\n  {}\n", finding.count, finding.message);
  if (finding.fix) {
    text += fmt::format("  {}: {}\n", safety_name(finding.fix->safety), finding.fix->summary);
  }
  return text;
}

std::string report_text(const ModelReport& report) {
  if (!report.error.empty()) return "cannot be opened: " + report.error + "\n";
  std::string text;
  for (const Finding& finding : report.findings)
    text += finding_text(finding);
  return text;
}

std::string without(std::string text, std::string_view path) {
  for (std::size_t at = text.find(path); at != std::string::npos; at = text.find(path, at)) {
    text.replace(at, path.size(), "MODEL");
  }
  return text;
}

std::string checked(const std::string& path, const std::string& root, const CheckOptions& options) {
  const auto reports = check({path}, options);
  if (!reports) throw std::runtime_error(reports.error().message);
  return without(report_text(reports->front()), root);
}

CheckOptions check_options(const Json& value) {
  CheckOptions options;
  options.data = value.value("data", false);
  options.arch = value.value("arch", "");
  return options;
}

RepairOptions repair_options(const Json& flags, const CheckOptions& options, std::string output) {
  RepairOptions result{.output = std::move(output), .check = options};
  for (const Json& flag : flags) {
    const auto text = flag.get<std::string>();
    if (text == "--unsafe") {
      result.unsafe = true;
    } else if (text == "--partial") {
      result.partial = true;
    } else {
      throw std::runtime_error("unknown option of repair: " + text);
    }
  }
  return result;
}

std::string summary_text(const Summary& summary) {
  return fmt::format("{} error, {} warning, {} info", summary.error, summary.warning, summary.info);
}

std::string repair_text(const RepairReport& report) {
  std::string text;
  for (const PlanStep& step : report.plan) {
    text += fmt::format("{} {} {}", step.code.empty() ? "-" : step.code, safety_name(step.safety),
                        step.op);
    if (!step.file.empty()) text += " " + printable(step.file);
    if (!step.tensor.empty()) text += " " + shardwright::quoted(step.tensor);
    text += fmt::format("\n  {}\n", step.why);
  }
  for (const std::string& note : report.notes)
    text += fmt::format("note: {}\n", note);
  text += report.published ? "published: " : "not published: ";
  if (!report.refused.empty()) text += report.refused + ": ";
  return text + summary_text(report.before) + "; then " + summary_text(report.after) + "\n";
}

bool agrees(const std::string& file, const std::string& found) {
  if (const char* update = std::getenv("UPDATE"); update != nullptr && *update == '1') {
    write_file(file, found);
    return true;
  }
  const std::string expected = read_file(file);
  if (found == expected) return true;
  std::cerr << file << " differs\n--- expected\n" << expected << "--- found\n" << found;
  return false;
}

// A finding of a check that a step claims to mend, and that could still be mended.
std::string unmended(const RepairReport& report, const std::string& path,
                     const RepairOptions& options) {
  CheckOptions again = options.check;
  again.data = true;
  const auto reports = check({path}, again);
  if (!reports) throw std::runtime_error(reports.error().message);
  for (const Finding& finding : reports->front().findings) {
    if (!finding.fix || finding.fix->safety == Safety::kNever) continue;
    if (finding.fix->safety == Safety::kUnsafe && !options.unsafe) continue;
    if (std::ranges::find(report.plan, finding.code, &PlanStep::code) != report.plan.end()) {
      return finding.code;
    }
  }
  return "";
}

struct Case {
  std::string folder{}, model{};
  CheckOptions options{};
};

bool run_repair(const Case& self, const Json& flags, const TempDir& scratch) {
  const std::string model = scratch.file("model");
  const std::string output = scratch.file("output");
  const auto inside = [&](const std::string& folder) {
    return self.model.empty() ? folder : folder + "/" + self.model;
  };
  const RepairOptions options = repair_options(flags, self.options, output);
  const auto report = repair(inside(model), options);
  if (!report) throw std::runtime_error(report.error().message);
  bool good = agrees(self.folder + "/repair.out", without(repair_text(*report), model));
  if (!report->published) return good;

  good &= agrees(self.folder + "/recheck.out", checked(inside(output), output, self.options));
  if (const std::string code = unmended(*report, inside(output), options); !code.empty()) {
    std::cerr << self.folder << ": " << code << " is still there after its repair\n";
    good = false;
  }
  const auto second =
      repair(inside(output), repair_options(flags, self.options, scratch.file("2")));
  if (!second || !second->nothing_to_do) {
    std::cerr << self.folder << ": a second repair finds something to do\n";
    good = false;
  }
  return good;
}

// What a linear merge of the models says of them together.
std::string compared(const Json& root, const TempDir& scratch) {
  std::vector<Json> models = {root};
  for (const Json& other : root.at("merged_with"))
    models.push_back(other);
  std::string recipe = "merge_method: linear\n";
  recipe += root.value("recipe", "parameters: {weight: 1}") + "\nmodels:\n";
  for (std::size_t i = 0; i < models.size(); ++i) {
    const std::string model = scratch.file(fmt::format("model{}", i + 1));
    write_fixture(rule_case(models[i].dump()), model);
    const std::string file = models[i].value("model", "");
    recipe += fmt::format("  - model: {}{}{}\n", model, file.empty() ? "" : "/", file);
  }
  write_file(scratch.file("recipe.yml"), recipe);
  const bool written = root.value("written", false);
  const auto report =
      merge(scratch.file("recipe.yml"), {.output = scratch.file("output"), .dry_run = !written});
  if (!report) throw std::runtime_error(report.error().message);
  std::string text;
  for (const RecipeProblem& problem : report->problems)
    text += problem.message + "\n";
  for (const Finding& finding : written ? report->result->findings : report->findings)
    text += finding_text(finding);
  if (!report->refused.empty()) text += "refused: " + report->refused + "\n";
  return without(std::move(text), scratch.file("model"));
}

bool run_case(const std::string& folder) {
  const std::string written = read_file(folder + "/case.json");
  if (const Json whole = Json::parse(written); whole.contains("merged_with")) {
    const TempDir scratch;
    return agrees(folder + "/check.out", compared(whole, scratch));
  }
  const std::string description = rule_case(written);
  const Json root = Json::parse(description);
  const Case self{.folder = folder,
                  .model = root.value("model", ""),
                  .options = check_options(root.value("check", Json::object()))};
  const TempDir scratch;
  const std::string model = scratch.file("model");
  write_fixture(description, model);
  const std::string path = self.model.empty() ? model : model + "/" + self.model;
  bool good = agrees(folder + "/check.out", checked(path, model, self.options));
  if (root.contains("repair")) good &= run_repair(self, root.at("repair"), scratch);
  return good;
}

}  // namespace
}  // namespace shardwright::test

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: check_case FOLDER\n";
    return 2;
  }
  try {
    return shardwright::test::run_case(arguments[1]) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << arguments[1] << ": " << error.what() << "\n";
    return 2;
  }
}
