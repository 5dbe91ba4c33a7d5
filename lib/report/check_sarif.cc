// Findings as SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0): one run for all models, since
// GitHub refuses files of many runs. Its further limits and required keys: "SARIF support for code
// scanning" and "SARIF results exceed one or more limits" in GitHub's documentation.
#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/digest.h"
#include "report/json_parts.h"
#include "report/locations.h"
#include "report/words.h"
#include "shardwright/explain.h"
#include "shardwright/report.h"
#include "shardwright/version.h"

namespace shardwright {
namespace {

constexpr std::size_t kMaxResults = 25'000;  // of a run, for GitHub
constexpr std::size_t kMaxLocations = 1000;  // of a result

struct SarifResult {
  const ModelReport* model{};
  const Finding* finding{};
};

json::Value text_object(std::string_view text) {
  return json_object({{"text", json_text(text)}});
}

std::string_view level_name(Severity severity) {
  return severity == Severity::kInfo ? "note" : severity_name(severity);
}

// A reference of RFC 3986: relative to where the user is, or a file: URI.
std::string uri(std::string_view path) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string out = path.starts_with('/') ? "file://" : "";
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
  // GitHub wants a line of every file, of weights, too.
  const json::Value physical =
      json_object({{"artifactLocation", json_object({{"uri", json_text(uri(file))}})},
                   {"region", json_object({{"startLine", json_number(1)}})}});
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

// What stays the same from run to run, whatever else is found and however it is worded. `seen`
// tells those apart that would be the same.
std::string fingerprint(const SarifResult& result, std::map<std::string, int>& seen) {
  const Finding& finding = *result.finding;
  std::string identity;
  for (const std::string& part :
       {finding.code, located(result.model->path, finding.file), finding.tensor, finding.pointer})
    identity += part + '\0';
  std::string digest = digest_text(digest_of(std::as_bytes(std::span(identity)))).substr(0, 16);
  const int time = ++seen[digest];
  return fmt::format("{}:{}", digest, time);
}

json::Value json_result(const SarifResult& from, std::size_t rule,
                        std::map<std::string, int>& seen) {
  const Finding& finding = *from.finding;
  std::string message = finding.message;
  if (finding.fix) {
    message += fmt::format("\n{} fix: {}", safety_name(finding.fix->safety), finding.fix->summary);
  }
  json::Value value = json_object(
      {{"ruleId", json_text(finding.code)},
       {"ruleIndex", json_number(rule)},
       {"level", json_text(level_name(finding.severity))},
       {"message", text_object(message)},
       {"locations", locations(*from.model, finding)},
       {"partialFingerprints",
        json_object({{"primaryLocationLineHash", json_text(fingerprint(from, seen))}})}});
  if (finding.ignored) {
    const json::Value suppression = json_object(
        {{"kind", json_text("external")},
         {"justification",
          json_text(fmt::format("{} ({})", finding.ignored->reason, finding.ignored->place))}});
    std::get<json::Value::Object>(value.data)
        .push_back({"suppressions", {.data = json::Value::Array{suppression}}});
  }
  return value;
}

json::Value json_rule(const CheckInfo& check) {
  const auto& pages = all_pages();
  const auto page = std::ranges::find(pages, check.code, &Page::code);
  const std::string_view help = page == pages.end() ? check.summary : page->text;
  return json_object(
      {{"id", json_text(check.code)},
       {"name", json_text(check.name)},
       {"shortDescription", text_object(check.summary)},
       {"fullDescription", text_object(check.summary)},
       {"help", json_object({{"text", json_text(help)}, {"markdown", json_text(help)}})},
       {"defaultConfiguration", json_object({{"level", json_text(level_name(check.severity))}})}});
}

// All findings; of too many the worst, and how many were left out.
std::pair<std::vector<SarifResult>, std::size_t> sarif_results(
    const std::vector<ModelReport>& models) {
  std::vector<SarifResult> results;
  for (const ModelReport& model : models) {
    for (const auto* findings : {&model.findings, &model.ignored}) {
      for (const Finding& finding : *findings)
        results.push_back({&model, &finding});
    }
  }
  if (results.size() <= kMaxResults) return {std::move(results), 0};
  std::ranges::stable_sort(results, std::ranges::greater{},
                           [](const SarifResult& one) { return one.finding->severity; });
  const std::size_t left_out = results.size() - kMaxResults;
  results.resize(kMaxResults);
  return {std::move(results), left_out};
}

json::Value notification(std::string_view level, std::string_view text) {
  return json_object({{"level", json_text(level)}, {"message", text_object(text)}});
}

}  // namespace

std::string check_sarif(const std::vector<ModelReport>& models) {
  const auto [found, left_out] = sarif_results(models);
  // The rules of what was found, by code.
  json::Value::Array rules;
  std::map<std::string_view, std::size_t> places;
  for (const CheckInfo& check : all_checks()) {
    if (std::ranges::none_of(
            found, [&](const SarifResult& one) { return one.finding->code == check.code; }))
      continue;
    places[check.code] = rules.size();
    rules.push_back(json_rule(check));
  }
  json::Value::Array results;
  std::map<std::string, int> seen;
  for (const SarifResult& one : found)
    results.push_back(json_result(one, places[one.finding->code], seen));

  json::Value::Array notifications;
  bool successful = true;
  for (const ModelReport& model : models) {
    for (const std::string& note : model.notes)
      notifications.push_back(notification("note", note));
    if (model.error.empty()) continue;
    successful = false;
    notifications.push_back(notification("error", model.error));
  }
  if (left_out > 0) {
    notifications.push_back(notification(
        "warning", fmt::format("{} of the least severity are left out: a run has room for {}",
                               counted(left_out, "result"), grouped(kMaxResults))));
  }
  const json::Value driver = json_object({{"name", json_text("shardwright")},
                                          {"version", json_text(version())},
                                          {"rules", {.data = std::move(rules)}}});
  const json::Value invocation =
      json_object({{"executionSuccessful", json_bool(successful)},
                   {"toolExecutionNotifications", {.data = std::move(notifications)}}});
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
