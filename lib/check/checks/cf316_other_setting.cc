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

// One fix that sets all of them.
Fix fix_of_all(const Model& model, const std::vector<ImpliedValue>& values) {
  std::vector<std::string> pointers;
  std::vector<std::string> implied;
  std::vector<Edit> edits;
  for (const ImpliedValue& value : values) {
    pointers.push_back(quoted(value.pointer));
    implied.push_back(value.implied);
    edits.emplace_back(edit::SetJson{model.checkpoint.config->name, value.pointer, value.implied});
  }
  return unsafe_fix(fmt::format("set {} to {}, {}", fmt::join(pointers, " and "),
                                fmt::join(implied, " and "), kFitsAll),
                    std::move(edits));
}

void other_setting(const Model& model, const Reporter& report) {
  const auto& setting = model.join.implied_setting;
  if (!setting) return;
  std::vector<std::string> stated;
  std::vector<std::string> implied;
  for (const ImpliedValue& value : setting->values) {
    stated.push_back(stated_text(value));
    implied.push_back(value.implied);
  }
  Report finding{.file = model.checkpoint.config->name,
                 .pointer = setting->values.front().pointer,
                 .message = fmt::format(
                     "{}, and the stored tensors are those of {}: {}", fmt::join(stated, ", and "),
                     fmt::join(implied, " and "),
                     what_follows(setting->missing, setting->unexpected, setting->mismatched)),
                 .fix = fix_of_all(model, setting->values)};
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
