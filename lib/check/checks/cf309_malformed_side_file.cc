// CF309: a JSON file beside the weights cannot be read.
// docs/checks/CF309-malformed-side-file.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

void malformed_side_file(const Model& model, const Reporter& report) {
  const Checkpoint& checkpoint = model.checkpoint;
  if (checkpoint.tokenizer) {
    for (const TokenizerFacts::Broken& broken : checkpoint.tokenizer->broken) {
      report({.file = broken.file,
              .message = fmt::format("{} cannot be used: {}", quoted(broken.file),
                                     why_unusable(broken.start, broken.error)),
              .fix = no_fix("copy the file from the model that this one was made from")});
    }
  }
  for (const SideFile& file : checkpoint.side_files) {
    if (file.error.empty()) continue;
    report({.file = file.name,
            .message = fmt::format("{} cannot be used: {}", quoted(file.name),
                                   why_unusable(file.text, file.error)),
            .fix = no_fix("copy the file from the model that this one was made from, or mend the "
                          "JSON by hand")});
  }
}

}  // namespace

extern const Check kMalformedSideFile;
constinit const Check kMalformedSideFile{
    .code = "CF309",
    .name = "malformed-side-file",
    .summary = "a JSON file beside the weights cannot be read",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = malformed_side_file,
};

}  // namespace shardwright
