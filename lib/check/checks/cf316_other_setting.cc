// CF316: a setting of the config is not that of the stored tensors.
// docs/checks/CF316-other-setting.md
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/implied_fix.h"

namespace shardwright {
namespace {

// One fix that sets all of them. Where tensors are missing and nothing that is stored speaks
// against the config, they may be lost.
Fix fix_of_all(const Model& model, const ImpliedSetting& setting) {
  std::vector<std::string> pointers;
  std::vector<std::string> implied;
  std::vector<Edit> edits;
  for (const ImpliedValue& value : setting.values) {
    pointers.push_back(quoted(value.pointer));
    implied.push_back(value.implied);
    edits.emplace_back(edit::SetJson{model.checkpoint.config->name, value.pointer, value.implied});
  }
  const std::string summary = fmt::format("set {} to {}, {}", fmt::join(pointers, " and "),
                                          fmt::join(implied, " and "), kFitsAll);
  if (!setting.is_absence_alone()) return unsafe_fix(summary, std::move(edits));
  return no_fix(fmt::format(
      "if the model that this one was made from has these tensors, copy them from it; if it has "
      "none, {}",
      summary));
}

std::string message_for(const ImpliedSetting& setting) {
  std::vector<std::string> stated;
  std::vector<std::string> implied;
  for (const ImpliedValue& value : setting.values) {
    stated.push_back(stated_text(value));
    implied.push_back(value.implied);
  }
  const std::string follows = what_follows(setting.missing, setting.unexpected, setting.mismatched);
  if (!setting.is_absence_alone()) {
    return fmt::format("{}, and the stored tensors are those of {}: {}",
                       fmt::join(stated, ", and "), fmt::join(implied, " and "), follows);
  }
  return fmt::format(
      "{}, and the tensors that this asks for are not stored: {}; their values are lost, or the "
      "config should say {}",
      fmt::join(stated, ", and "), follows, fmt::join(implied, " and "));
}

void other_setting(const Model& model, const Reporter& report) {
  const auto& setting = model.join.implied_setting;
  if (!setting) return;
  Report finding{.file = model.checkpoint.config->name,
                 .pointer = setting->values.front().pointer,
                 .message = message_for(*setting),
                 .fix = fix_of_all(model, *setting)};
  finding.places = names_concerned(setting->missing, setting->unexpected, setting->mismatched);
  finding.tensor = finding.places.front();
  report(std::move(finding));
}

}  // namespace

extern const Check kOtherSetting;
constinit const Check kOtherSetting{
    .code = "CF316",
    .name = "other-setting",
    .summary = "a setting of the config is not that of the stored tensors",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = other_setting,
};

}  // namespace shardwright
