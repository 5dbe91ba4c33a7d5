// CF301: there is no config.json beside the weights.
// docs/checks/CF301-missing-config.md
#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/purpose.h"

namespace shardwright {
namespace {

// "Config.json", as file systems that ignore case keep it; else empty.
std::string config_in_other_case(const Checkpoint& checkpoint) {
  constexpr std::string_view kConfig = "config.json";
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  if (checkpoint.folder == nullptr) return "";
  for (const FolderEntry& entry : checkpoint.folder->entries()) {
    if (std::ranges::equal(entry.name, kConfig, {}, lower)) return entry.name;
  }
  return "";
}

void missing_config(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (checkpoint.kind == CheckpointKind::kFile || checkpoint.config) return;
  if (checkpoint.side_file(kAdapterConfig) != nullptr) return;
  // Folders of weights that no transformers class reads are legal: parts of a pipeline, adapters'
  // bases.
  if (model.detection.schema == nullptr) {
    report({.message = "there is no config.json: only what needs none was checked",
            .severity = Severity::kInfo});
    return;
  }
  const std::string other = config_in_other_case(checkpoint);
  report(
      {.message = fmt::format(
           "there is no config.json{}: the weights are those of {} by {}, and transformers cannot "
           "load them without it",
           other.empty() ? "" : fmt::format(", and {} lies beside", quoted(other)),
           quoted(model.detection.schema->name), model.detection.why),
       .fix =
           no_fix(other.empty()
                      ? std::string("copy config.json from the model that this one was made from")
                      : fmt::format("rename {} to config.json", quoted(other)))});
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
