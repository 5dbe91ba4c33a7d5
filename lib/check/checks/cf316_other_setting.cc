// CF316: a setting of the config is not that of the stored tensors.
// docs/checks/CF316-other-setting.md
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/implied_fix.h"

namespace shardwright {
namespace {

void other_setting(const Model& model, const Reporter& report) {
  const auto& setting = model.join.implied_setting;
  if (!setting) return;
  Report finding{.file = model.checkpoint.config->name,
                 .pointer = setting->value.pointer,
                 .message = fmt::format(
                     "{}, and the stored tensors are those of {}: {}", stated_text(setting->value),
                     setting->value.implied,
                     what_follows(setting->missing, setting->unexpected, setting->mismatched)),
                 .fix = implied_fix(model, setting->value, kFitsAll)};
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
