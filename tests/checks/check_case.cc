// check_case FOLDER: writes the checkpoint that FOLDER/case.json describes, checks it, and compares
// what is found with FOLDER/check.out. With UPDATE=1 in the environment it writes check.out anew.
//
// case.json is a fixture (tests/support/fixture.h) or made from a rule (rule_case.h), with, beside
// "files" and "mode":
//   "model": "model.safetensors"                   the file to check; the folder where it is absent
//   "check": {"data": true, "arch": "llama"}       options of check
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "rule_case.h"
#include "shardwright/check_job.h"
#include "support/fixture.h"
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

bool run_case(const std::string& folder) {
  const std::string description = rule_case(read_file(folder + "/case.json"));
  const Json root = Json::parse(description);
  const TempDir scratch;
  const std::string model = scratch.file("model");
  write_fixture(description, model);
  std::string path = model;
  if (root.contains("model")) path += "/" + root.at("model").get<std::string>();
  const CheckOptions options = check_options(root.value("check", Json::object()));
  return agrees(folder + "/check.out", checked(path, model, options));
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
