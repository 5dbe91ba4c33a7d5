#include "check/engine.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "arch/name_pattern.h"
#include "base/text.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

// A prefix of codes is all letters ("ST") or letters and the first digits ("ST1").
bool names_check(std::string_view word, const Check& check) {
  return word == check.name || (word.size() >= 2 && check.code.starts_with(word));
}

bool names_any(const std::vector<std::string>& words, const Check& check) {
  return std::ranges::any_of(words,
                             [&](const std::string& word) { return names_check(word, check); });
}

Status validate_word(std::string_view word) {
  std::vector<std::string_view> known;
  for (const Check* check : check_table()) {
    if (names_check(word, *check)) return ok();
    known.push_back(check->code);
    known.push_back(check->name);
  }
  const auto near = nearest(word, known);
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("no check is called {}{}", quoted(word),
                           near ? fmt::format("; the nearest is '{}'", *near)
                                : std::string(": 'shardwright explain --list' lists them"))};
}

Severity severity_of(const Check& check, const Report& report, const CheckSelection& selection) {
  for (const std::string_view key : {check.code, check.name}) {
    if (const auto found = selection.severity.find(std::string(key));
        found != selection.severity.end()) {
      return found->second;
    }
  }
  return report.severity.value_or(check.severity);
}

// Whether the rule is about all that the report is about.
bool ignores(const IgnoreRule& rule, const Report& report) {
  if (!rule.file.empty() && !fits(rule.file, report.file)) return false;
  if (rule.tensor.empty()) return true;
  if (report.places.empty()) return !report.tensor.empty() && fits(rule.tensor, report.tensor);
  return std::ranges::all_of(report.places,
                             [&](const std::string& place) { return fits(rule.tensor, place); });
}

// Collects the reports of one check, one finding a group.
class Collector {
 public:
  Collector(const Check& check, const CheckSelection& selection, std::vector<Finding>& out)
      : check_(check), selection_(selection), out_(out), first_(out.size()) {
    for (const IgnoreRule& rule : selection.ignores) {
      if (rule.code == check.code) rules_.push_back(&rule);
    }
  }

  void add(Report report) {
    // Reports of different severity or fix grade, or ignored for other reasons, are never one
    // finding.
    const Severity severity = severity_of(check_, report, selection_);
    const std::size_t rule = rule_of(report, severity);
    std::string group = report.group.empty()
                            ? (report.tensor.empty() ? report.file + '\0' + report.pointer
                                                     : fold_digits(report.tensor))
                            : report.group;
    group.push_back(static_cast<char>('0' + static_cast<int>(severity)));
    group.push_back(report.fix ? static_cast<char>('a' + static_cast<int>(report.fix->safety))
                               : '-');
    group += std::to_string(rule);
    std::vector<std::string> places = std::move(report.places);
    if (places.empty()) {
      if (!report.tensor.empty()) {
        places.push_back(report.tensor);
      } else if (!report.file.empty()) {
        places.push_back(report.file);
      }
    }
    const auto [found, is_new] = groups_.try_emplace(std::move(group), out_.size() - first_);
    if (is_new) {
      files_.push_back({report.file});
      out_.push_back({.code = std::string(check_.code),
                      .name = std::string(check_.name),
                      .severity = severity,
                      .file = std::move(report.file),
                      .tensor = std::move(report.tensor),
                      .pointer = std::move(report.pointer),
                      .message = std::move(report.message),
                      .count = std::max<std::size_t>(places.size(), 1),
                      .places = std::move(places),
                      .targets = std::move(report.targets),
                      .fix = std::move(report.fix)});
      if (rule < rules_.size())
        out_.back().ignored = Ignored{rules_[rule]->reason, rules_[rule]->place};
      return;
    }
    Finding& finding = out_[first_ + found->second];
    auto& files = files_[found->second];
    if (!report.file.empty() && std::ranges::find(files, report.file) == files.end()) {
      files.push_back(report.file);
    }
    finding.count += std::max<std::size_t>(places.size(), 1);
    std::ranges::move(places, std::back_inserter(finding.places));
    if (finding.fix && report.fix) {
      std::ranges::move(report.fix->edits, std::back_inserter(finding.fix->edits));
    }
  }

  // Names the files of findings whose places span several.
  void finish() {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (files_[i].size() <= 1) continue;
      Finding& finding = out_[first_ + i];
      finding.file.clear();
      finding.pointer.clear();
      for (std::string& file : files_[i]) {
        if (std::ranges::find(finding.places, file) == finding.places.end()) {
          finding.places.push_back(std::move(file));
        }
      }
    }
  }

 private:
  // The position of the rule that ignores the report, or past the end.
  [[nodiscard]] std::size_t rule_of(const Report& report, Severity severity) const {
    if (severity == Severity::kError && !selection_.ignores_errors) return rules_.size();
    const auto found = std::ranges::find_if(
        rules_, [&](const IgnoreRule* rule) { return ignores(*rule, report); });
    return static_cast<std::size_t>(found - rules_.begin());
  }

  const Check& check_;
  const CheckSelection& selection_;
  std::vector<const IgnoreRule*> rules_;  // about this check
  std::vector<Finding>& out_;
  std::size_t first_;
  std::unordered_map<std::string, std::size_t> groups_;
  std::vector<std::vector<std::string>> files_;
};

bool is_wanted(const Check& check, const CheckSelection& selection) {
  return (selection.select.empty() || names_any(selection.select, check)) &&
         !names_any(selection.ignore, check);
}

}  // namespace

bool selects(std::string_view word, std::string_view code) {
  return std::ranges::any_of(check_table(), [&](const Check* check) {
    return check->code == code && names_check(word, *check);
  });
}

Status validate(const CheckSelection& selection) {
  for (const auto* words : {&selection.select, &selection.ignore}) {
    for (const std::string& word : *words) {
      if (Status status = validate_word(word); !status) return status;
    }
  }
  for (const auto& [word, severity] : selection.severity) {
    const bool known =
        std::ranges::any_of(check_table(), [&, key = std::string_view(word)](const Check* check) {
          return key == check->code || key == check->name;
        });
    if (!known) {
      if (Status status = validate_word(word); !status) return status;
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("{} is several checks: a severity is set for one at a time", quoted(word))};
    }
  }
  return ok();
}

std::vector<Finding> run_checks(const Model& model, const CheckSelection& selection) {
  std::vector<Finding> findings;
  for (const Check* check : check_table()) {
    if (check->run == nullptr || !is_wanted(*check, selection)) continue;
    Collector collector(*check, selection, findings);
    check->run(model, [&](Report report) { collector.add(std::move(report)); });
    collector.finish();
  }
  // Checks report in the checkpoint's order, so a stable sort keeps places in order.
  std::ranges::stable_sort(findings, {}, &Finding::file);
  return findings;
}

std::vector<Finding> run_checks_across(Inputs inputs, const CheckSelection& selection) {
  std::vector<Finding> findings;
  for (const Check* check : check_table()) {
    if (check->across == nullptr || inputs.empty() || !is_wanted(*check, selection)) continue;
    Collector collector(*check, selection, findings);
    for (const Model* other : inputs.subspan(1)) {
      check->across(*inputs.front(), *other, [&](Report report) {
        report.group = other->checkpoint.path;
        collector.add(std::move(report));
      });
    }
    collector.finish();
  }
  return findings;
}

}  // namespace shardwright
