// AR416: two places of the config disagree about the tied head.
// docs/checks/AR416-disagreeing-tie-flags.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"

namespace shardwright {
namespace {

void disagreeing_tie_flags(const Model& model, const Reporter& report) {
  if (!model.expected || !model.expected->usable || !model.expected->tie.nested_disagrees) return;
  const TieFlag& tie = model.expected->tie;
  report(
      {.file = model.checkpoint.config->name,
       .pointer = tie.pointer,
       .message = fmt::format(
           "tie_word_embeddings is {} where transformers asks ({}), and a nested config says the "
           "contrary: other loaders may ask there",
           tie.tied, quoted(tie.pointer))});
}

}  // namespace

extern const Check kDisagreeingTieFlags;
constinit const Check kDisagreeingTieFlags{
    .code = "AR416",
    .name = "disagreeing-tie-flags",
    .summary = "two places of the config disagree about the tied head",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = disagreeing_tie_flags,
};

}  // namespace shardwright
