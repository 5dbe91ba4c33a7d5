#include "report/json_parts.h"

#include <algorithm>
#include <limits>

namespace shardwright {
namespace {

json::Value json_fix(const Fix& fix) {
  return json_object(
      {{"safety", json_text(safety_name(fix.safety))}, {"summary", json_text(fix.summary)}});
}

json::Value json_target(const TargetVerdict& target) {
  return json_object({{"name", json_text(target.name)},
                      {"versions", json_text(target.versions)},
                      {"verdict", json_text(target.verdict)},
                      {"prints", json_text(target.prints)}});
}

}  // namespace

json::Value json_text(std::string_view text) {
  return {.data = std::string(text)};
}

json::Value json_text_or_null(std::string_view text) {
  return text.empty() ? json::Value{} : json_text(text);
}

json::Value json_number(std::uint64_t number) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  return {.data = static_cast<std::int64_t>(std::min(number, kMost))};
}

json::Value json_bool(bool value) {
  return {.data = value};
}

json::Value json_object(std::initializer_list<std::pair<std::string_view, json::Value>> members) {
  json::Value::Object object;
  object.reserve(members.size());
  for (const auto& [key, value] : members)
    object.push_back({.key = std::string(key), .value = value});
  return {.data = std::move(object)};
}

json::Value json_finding(const Finding& finding) {
  json::Value value = json_object({{"code", json_text(finding.code)},
                                   {"name", json_text(finding.name)},
                                   {"severity", json_text(severity_name(finding.severity))},
                                   {"model", json_number(finding.model)},
                                   {"file", json_text_or_null(finding.file)},
                                   {"tensor", json_text_or_null(finding.tensor)},
                                   {"pointer", json_text_or_null(finding.pointer)},
                                   {"message", json_text(finding.message)},
                                   {"count", json_number(finding.count)},
                                   {"places", json_array(finding.places, json_text)},
                                   {"targets", json_array(finding.targets, json_target)},
                                   {"fix", finding.fix ? json_fix(*finding.fix) : json::Value{}}});
  if (finding.ignored) {
    std::get<json::Value::Object>(value.data)
        .push_back({"ignored", json_object({{"reason", json_text(finding.ignored->reason)},
                                            {"place", json_text(finding.ignored->place)}})});
  }
  return value;
}

json::Value json_summary(const Summary& summary) {
  return json_object({{"error", json_number(summary.error)},
                      {"warning", json_number(summary.warning)},
                      {"info", json_number(summary.info)}});
}

}  // namespace shardwright
