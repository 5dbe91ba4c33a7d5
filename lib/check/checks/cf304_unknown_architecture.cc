// CF304: no rule describes the architecture.
// docs/checks/CF304-unknown-architecture.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"

namespace shardwright {
namespace {

void unknown_architecture(const Model& model, const Reporter& report) {
  const Detection& detection = model.detection;
  if (model.checkpoint.config_value() == nullptr) return;
  const std::string& file = model.checkpoint.config->name;
  if (detection.schema != nullptr) {
    const bool unknown_type =
        (detection.by == DetectedBy::kClass || detection.by == DetectedBy::kNames) &&
        !detection.model_type.empty();
    if (!unknown_type) return;
    report({.file = file,
            .pointer = "/model_type",
            .message =
                fmt::format("no rule knows the model_type {}: checked as '{}', by {}",
                            quoted(detection.model_type), detection.schema->name, detection.why)});
    return;
  }
  if (detection.by == DetectedBy::kOwnCode) {
    report({.file = file,
            .pointer = "/auto_map",
            .message = fmt::format(
                "the class {} comes with its own code (auto_map), which no rule describes: names "
                "and shapes were not compared, everything else was (--arch NAME checks it as a "
                "known one)",
                quoted(detection.class_name))});
    return;
  }
  const std::string what =
      !detection.model_type.empty() ? fmt::format("the model_type {}", quoted(detection.model_type))
      : !detection.class_name.empty() ? fmt::format("the class {}", quoted(detection.class_name))
                                      : std::string("this config, which names no model_type");
  report({.file = file,
          .pointer = detection.model_type.empty() ? "" : "/model_type",
          .message = fmt::format(
              "no rule describes {}: names and shapes were not compared, everything else was "
              "(--arch NAME checks it as a known one)",
              what)});
}

}  // namespace

extern const Check kUnknownArchitecture;
constinit const Check kUnknownArchitecture{
    .code = "CF304",
    .name = "unknown-architecture",
    .summary = "no rule describes the architecture",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = unknown_architecture,
};

}  // namespace shardwright
