#include "report/json_parts.h"
#include "shardwright/report.h"

namespace shardwright {

std::string repair_json(const RepairReport& report) {
  const auto step = [](const PlanStep& s) {
    return json_object({{"op", json_text(s.op)},
                        {"file", json_text_or_null(s.file)},
                        {"tensor", json_text_or_null(s.tensor)},
                        {"why", json_text(s.why)},
                        {"code", json_text_or_null(s.code)},
                        {"safety", json_text(safety_name(s.safety))}});
  };
  const json::Value document = json_object({{"version", {.data = kJsonVersion}},
                                            {"model", json_text(report.model)},
                                            {"plan", json_array(report.plan, step)},
                                            {"left", json_array(report.left, json_finding)},
                                            {"before", json_summary(report.before)},
                                            {"after", json_summary(report.after)},
                                            {"published", json_bool(report.published)},
                                            {"nothing_to_do", json_bool(report.nothing_to_do)},
                                            {"refused", json_text_or_null(report.refused)},
                                            {"bytes_written", json_number(report.bytes_written)},
                                            {"bytes_linked", json_number(report.bytes_linked)},
                                            {"notes", json_array(report.notes, json_text)}});
  return json::dump(document, 2) + "\n";
}

std::string put_back_json(const std::string& model, std::string_view action,
                          const std::vector<std::string>& files, bool dry_run) {
  const json::Value document = json_object({{"version", {.data = kJsonVersion}},
                                            {"model", json_text(model)},
                                            {"action", json_text(action)},
                                            {"dry_run", json_bool(dry_run)},
                                            {"files", json_array(files, json_text)}});
  return json::dump(document, 2) + "\n";
}

}  // namespace shardwright
