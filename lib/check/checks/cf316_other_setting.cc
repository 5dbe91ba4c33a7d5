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

std::string what_transformers_does(const ImpliedSetting& setting) {
  if (!setting.mismatched.empty()) {
    return fmt::format("{} has shape {}, expected {}; transformers refuses to load it",
                       quoted(setting.mismatched.front().stored->name),
                       shape_text(setting.mismatched.front().stored->shape),
                       shape_text(setting.mismatched.front().expected->shape));
  }
  if (!setting.missing.empty()) {
    return fmt::format("{} is missing, and transformers would fill it with random values",
                       quoted(setting.missing.front()->name));
  }
  return fmt::format("{} is not asked for, and transformers leaves it out",
                     quoted(setting.unexpected.front()->name));
}

void other_setting(const Model& model, const Reporter& report) {
  const auto& setting = model.join.implied_setting;
  if (!setting) return;
  Report finding{.file = model.checkpoint.config->name,
                 .pointer = setting->value.pointer,
                 .message = fmt::format("{}, and the stored tensors are those of {}: {}",
                                        stated_text(setting->value), setting->value.implied,
                                        what_transformers_does(*setting)),
                 .fix = implied_fix(model, setting->value, kFitsAll)};
  for (const ExpectedTensor* wanted : setting->missing)
    finding.places.emplace_back(wanted->name);
  for (const Tensor* tensor : setting->unexpected)
    finding.places.emplace_back(tensor->name);
  for (const ShapeMismatch& mismatch : setting->mismatched)
    finding.places.emplace_back(mismatch.stored->name);
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
