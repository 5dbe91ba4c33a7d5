// CF302: config.json cannot be read as a JSON object.
// docs/checks/CF302-malformed-config.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

void malformed_config(const Model& model, const Reporter& report) {
  if (!model.checkpoint.config) return;
  const SideFile& config = *model.checkpoint.config;
  std::string what = config.error.empty() ? "" : why_unusable(config.text, config.error);
  if (what.empty() && config.document && config.document->byte_order_mark) {
    what = why_unusable(config.text, {});
  } else if (what.empty() && config.document && config.document->root.object() == nullptr) {
    what =
        fmt::format("it holds {} where an object is expected", config.document->root.kind_name());
  }
  if (what.empty()) return;
  report({.file = config.name,
          .message = fmt::format("{} cannot be used: {}; transformers refuses to load the model",
                                 quoted(config.name), what),
          .fix = no_fix("copy config.json from the model that this one was made from, or mend the "
                        "JSON by hand")});
}

}  // namespace

extern const Check kMalformedConfig;
constinit const Check kMalformedConfig{
    .code = "CF302",
    .name = "malformed-config",
    .summary = "config.json cannot be read as a JSON object",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = malformed_config,
};

}  // namespace shardwright
