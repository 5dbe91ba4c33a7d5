#include "shardwright/check_job.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "check/engine.h"
#include "job/check_model.h"
#include "job/find_rule.h"

namespace shardwright {
namespace {

constexpr std::array<std::string_view, 4> kRepairNames = {"none", "safe", "unsafe", "never"};

}  // namespace

Summary summarize(const std::vector<ModelReport>& models) {
  Summary summary;
  for (const ModelReport& model : models) {
    for (const Finding& finding : model.findings) {
      switch (finding.severity) {
        case Severity::kError:
          ++summary.error;
          break;
        case Severity::kWarning:
          ++summary.warning;
          break;
        case Severity::kInfo:
          ++summary.info;
          break;
      }
    }
  }
  return summary;
}

Result<std::vector<ModelReport>> check(const std::vector<std::string>& paths,
                                       const CheckOptions& options) {
  SW_TRY_OK(validate({options.select, options.ignore, options.severity}));
  SW_TRY(auto catalogue, load_catalogue(options.rules_dir));
  if (!options.arch.empty()) SW_TRY_OK(find_rule(*catalogue, options.arch));
  std::vector<ModelReport> reports;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    auto checked = check_model(paths[i], catalogue, options);
    if (!checked && checked.error().code == ErrorCode::kInterrupted)
      return std::move(checked).error();
    if (!checked) {
      reports.push_back({.path = paths[i], .error = checked.error().message});
    } else {
      for (Finding& finding : checked->report.findings)
        finding.model = i;
      reports.push_back(std::move(checked->report));
    }
    if (options.finished) options.finished(reports.back());
  }
  return reports;
}

std::vector<CheckInfo> all_checks() {
  std::vector<CheckInfo> rows;
  for (const Check* check : check_table()) {
    rows.push_back({check->code, check->name, check->summary, check->severity,
                    kRepairNames.at(static_cast<std::size_t>(check->repair))});
  }
  return rows;
}

}  // namespace shardwright
