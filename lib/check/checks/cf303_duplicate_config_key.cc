// CF303: a key stands twice in a JSON file, and the last one counts.
// docs/checks/CF303-duplicate-config-key.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"

namespace shardwright {
namespace {

void report_duplicates(const SideFile& file, const Reporter& report) {
  if (!file.document) return;
  for (const std::string& pointer : file.document->duplicate_keys) {
    report(
        {.file = file.name,
         .pointer = pointer,
         .message = fmt::format(
             "the key {} stands twice in {}: Python keeps the last value, other readers the first "
             "or none",
             quoted(pointer), quoted(file.name)),
         .group = file.name + pointer});
  }
}

void duplicate_config_key(const Model& model, const Reporter& report) {
  if (model.checkpoint.config) report_duplicates(*model.checkpoint.config, report);
  for (const SideFile& file : model.checkpoint.side_files)
    report_duplicates(file, report);
}

}  // namespace

extern const Check kDuplicateConfigKey;
constinit const Check kDuplicateConfigKey{
    .code = "CF303",
    .name = "duplicate-config-key",
    .summary = "a key stands twice in a JSON file, and the last one counts",
    .severity = Severity::kWarning,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = duplicate_config_key,
};

}  // namespace shardwright
