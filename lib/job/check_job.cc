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
#include "job/settings.h"

namespace shardwright {
namespace {

constexpr std::array<std::string_view, 4> kRepairNames = {"none", "safe", "unsafe", "never"};

bool is_used(const IgnoreRule& rule, const ModelReport& report) {
  return std::ranges::any_of(report.ignored, [&](const Finding& finding) {
    return finding.code == rule.code && finding.ignored && finding.ignored->place == rule.place;
  });
}

// Whether the checks that ran could have found what the rule ignores.
bool could_be_used(const IgnoreRule& rule, const CheckOptions& options) {
  if (rule.code.starts_with("TD") && !options.data) return false;
  const auto names = [&](const std::vector<std::string>& words) {
    return std::ranges::any_of(words,
                               [&](const std::string& word) { return selects(word, rule.code); });
  };
  return (options.select.empty() || names(options.select)) && !names(options.ignore);
}

std::string unused_text(const IgnoreRule& rule) {
  return fmt::format("{}: the ignore of {} fits no finding{}", printable(rule.place, kShownPath),
                     rule.code, rule.tensor.empty() ? "" : ", or not all places of one");
}

// What the author of the model should know of the file beside it.
void note_rules(const CheckOptions& options, ModelReport& report) {
  for (const IgnoreRule& rule : options.settings->ignores) {
    if (is_used(rule, report)) continue;
    const bool is_error = std::ranges::any_of(report.findings, [&](const Finding& finding) {
      return finding.code == rule.code && finding.severity == Severity::kError;
    });
    if (is_error) {
      report.notes.push_back(
          fmt::format("{}: {} is an error, which a file beside the model does not silence; "
                      "--config-file takes that file from you",
                      printable(rule.place, kShownPath), rule.code));
    } else if (could_be_used(rule, options)) {
      report.notes.push_back(unused_text(rule));
    }
  }
}

// Checked by the settings that were given, or else by those beside the model.
Result<ModelReport> check_with_settings(const std::string& path,
                                        const std::shared_ptr<const Catalogue>& catalogue,
                                        const CheckOptions& given) {
  CheckOptions options = given;
  SW_TRY(Checkpoint checkpoint, open_checkpoint(path, open_options(options)));
  const bool beside = !options.settings && options.settings_beside;
  if (beside) {
    auto settings = settings_beside(*checkpoint.folder);
    if (!settings) return std::move(settings).error().within(quoted(path, kShownPath));
    options.settings = *std::move(settings);
  }
  SW_TRY(CheckedModel checked, check_checkpoint(std::move(checkpoint), path, catalogue, options));
  if (beside && options.settings) note_rules(options, checked.report);
  return std::move(checked.report);
}

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

std::vector<std::string> unused_ignores(const CheckOptions& options,
                                        const std::vector<ModelReport>& models) {
  std::vector<std::string> notes;
  if (!options.settings) return notes;
  for (const IgnoreRule& rule : options.settings->ignores) {
    const bool used =
        std::ranges::any_of(models, [&](const ModelReport& model) { return is_used(rule, model); });
    if (!used && could_be_used(rule, options)) notes.push_back(unused_text(rule));
  }
  return notes;
}

Result<std::vector<ModelReport>> check(const std::vector<std::string>& paths,
                                       const CheckOptions& options) {
  SW_TRY_OK(validate({options.select, options.ignore, options.severity}));
  SW_TRY(auto catalogue, load_catalogue(options.rules_dir));
  if (!options.arch.empty()) SW_TRY_OK(find_rule(*catalogue, options.arch));
  std::vector<ModelReport> reports;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    auto checked = check_with_settings(paths[i], catalogue, options);
    if (!checked && checked.error().code == ErrorCode::kInterrupted)
      return std::move(checked).error();
    if (!checked) {
      reports.push_back({.path = paths[i], .error = checked.error().message});
    } else {
      for (auto* findings : {&checked->findings, &checked->ignored}) {
        for (Finding& finding : *findings)
          finding.model = i;
      }
      reports.push_back(*std::move(checked));
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
