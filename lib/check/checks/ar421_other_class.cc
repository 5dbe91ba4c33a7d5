// AR421: the stored tensors are those of another class than the one that the config names.
// docs/checks/AR421-other-class.md
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void unnamed_class(const Model& model, const Reporter& report) {
  report({.file = model.checkpoint.config->name,
          .message = fmt::format(
              "the config names no class, and the stored tensors are those of {}: as {} the model "
              "would lack tensors, which a loader fills with random values",
              quoted(model.expected->class_name), quoted(model.join.unnamed_class_of)),
          .severity = Severity::kInfo,
          .group = "all"});
}

void other_class(const Model& model, const Reporter& report) {
  if (!model.join.unnamed_class_of.empty()) return unnamed_class(model, report);
  const auto& classes = model.join.other_class;
  if (classes.empty()) return;
  const std::string& file = model.checkpoint.config->name;
  std::vector<std::string> names;
  for (const std::string& name : classes)
    names.push_back(quoted(name));
  const std::string fitting = fmt::format("{}", fmt::join(names, " or "));
  Report finding{
      .file = file,
      .pointer = "/architectures",
      .message = fmt::format(
          "the stored tensors are those of {}, and the config says {}: {}", fitting,
          quoted(model.expected->class_name),
          model.join.lacks_nothing_of_class
              ? "a loader that goes by the config leaves out what this class has not"
              : "a loader that goes by the config fills what this class has with random values"),
      .group = "all"};
  if (model.join.lacks_nothing_of_class) finding.severity = Severity::kWarning;
  if (classes.size() == 1) {
    finding.fix = unsafe_fix(
        fmt::format("set architectures to [{}]", quoted(classes.front())),
        {edit::SetJson{file, "/architectures", fmt::format("[\"{}\"]", classes.front())}});
  } else {
    finding.fix = no_fix("several classes fit the tensors: set architectures to the one meant");
  }
  report(std::move(finding));
}

}  // namespace

extern const Check kOtherClass;
constinit const Check kOtherClass{
    .code = "AR421",
    .name = "other-class",
    .summary = "the stored tensors are those of another class than the one that the config names",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = other_class,
};

}  // namespace shardwright
