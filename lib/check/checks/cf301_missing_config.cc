// CF301: there is no config.json beside the weights.
// docs/checks/CF301-missing-config.md

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void missing_config(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (checkpoint.kind == CheckpointKind::kFile || checkpoint.config) return;
  if (checkpoint.side_file("adapter_config.json") != nullptr) return;
  // Folders of weights that no transformers class reads are legal: parts of a pipeline, adapters'
  // bases.
  if (model.detection.schema == nullptr) {
    report({.message = "there is no config.json: only what needs none was checked",
            .severity = Severity::kInfo});
    return;
  }
  report(
      {.message = fmt::format(
           "there is no config.json: the names are those of {}, and transformers cannot load them "
           "without it",
           quoted(model.detection.schema->name)),
       .fix = no_fix("copy config.json from the model that this one was made from")});
}

}  // namespace

extern const Check kMissingConfig;
constinit const Check kMissingConfig{
    .code = "CF301",
    .name = "missing-config",
    .summary = "there is no config.json beside the weights",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = missing_config,
};

}  // namespace shardwright
