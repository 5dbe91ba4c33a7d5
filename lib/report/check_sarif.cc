// Findings as SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0): one run for all models, since
// GitHub refuses files of many runs.
#include <utility>

#include <fmt/format.h>

#include "report/json_parts.h"
#include "report/locations.h"
#include "shardwright/report.h"
#include "shardwright/version.h"

namespace shardwright {
namespace {

constexpr std::size_t kMaxLocations = 1000;  // of a result, for GitHub

json::Value text_object(std::string_view text) {
  return json_object({{"text", json_text(text)}});
}

std::string_view level_name(Severity severity) {
  return severity == Severity::kInfo ? "note" : severity_name(severity);
}

// A relative reference of RFC 3986.
std::string uri(std::string_view path) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string out;
  for (const char c : path) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

json::Value location(std::string_view file, std::string_view tensor) {
  const json::Value physical =
      json_object({{"artifactLocation", json_object({{"uri", json_text(uri(file))}})}});
  if (tensor.empty()) return json_object({{"physicalLocation", physical}});
  const json::Value logical =
      json_object({{"fullyQualifiedName", json_text(tensor)}, {"kind", json_text("member")}});
  return json_object({{"physicalLocation", physical},
                      {"logicalLocations", {.data = json::Value::Array{logical}}}});
}

json::Value locations(const ModelReport& model, const Finding& finding) {
  json::Value::Array all;
  const auto add = [&](std::string_view file, std::string_view tensor) {
    if (all.size() < kMaxLocations) all.push_back(location(located(model.path, file), tensor));
  };
  // The files first: they can be shown, and names without a file cannot.
  for (const std::string& file : spanned_files(finding))
    add(file, {});
  for (const std::string& place : places_proper(finding))
    add(finding.file, place == finding.file ? std::string_view() : place);
  if (all.empty()) add(finding.file, finding.tensor);
  return {.data = std::move(all)};
}

json::Value result(const ModelReport& model, const Finding& finding) {
  std::string message = finding.message;
  if (finding.fix) {
    message += fmt::format("\n{} fix: {}", safety_name(finding.fix->safety), finding.fix->summary);
  }
  return json_object({{"ruleId", json_text(finding.code)},
                      {"level", json_text(level_name(finding.severity))},
                      {"message", text_object(message)},
                      {"locations", locations(model, finding)}});
}

json::Value rule(const CheckInfo& check) {
  return json_object(
      {{"id", json_text(check.code)},
       {"name", json_text(check.name)},
       {"shortDescription", text_object(check.summary)},
       {"defaultConfiguration", json_object({{"level", json_text(level_name(check.severity))}})}});
}

}  // namespace

std::string check_sarif(const std::vector<ModelReport>& models) {
  json::Value::Array results;
  json::Value::Array failures;
  for (const ModelReport& model : models) {
    if (!model.error.empty()) {
      failures.push_back(
          json_object({{"level", json_text("error")}, {"message", text_object(model.error)}}));
    }
    for (const Finding& finding : model.findings)
      results.push_back(result(model, finding));
  }
  const json::Value driver = json_object({{"name", json_text("shardwright")},
                                          {"version", json_text(version())},
                                          {"rules", json_array(all_checks(), rule)}});
  const json::Value invocation =
      json_object({{"executionSuccessful", json_bool(failures.empty())},
                   {"toolExecutionNotifications", {.data = std::move(failures)}}});
  const json::Value run = json_object({{"tool", json_object({{"driver", driver}})},
                                       {"invocations", {.data = json::Value::Array{invocation}}},
                                       {"results", {.data = std::move(results)}}});
  const json::Value document =
      json_object({{"$schema", json_text("https://json.schemastore.org/sarif-2.1.0.json")},
                   {"version", json_text("2.1.0")},
                   {"runs", {.data = json::Value::Array{run}}}});
  return json::dump(document, 2) + "\n";
}

}  // namespace shardwright
