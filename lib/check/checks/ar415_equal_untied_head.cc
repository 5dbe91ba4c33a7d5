// AR415: an untied head holds the same bytes as the embedding.
// docs/checks/AR415-equal-untied-head.md
#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "check/check.h"
#include "check/tie.h"

namespace shardwright {
namespace {

void equal_untied_head(const Model& model, const Reporter& report) {
  if (!model.join.compared || model.expected->tie.tied) return;
  for (const StoredTie& tie : stored_ties(model)) {
    if (tie.source == nullptr || tie.bytes != TieBytes::kEqual) continue;
    report(
        {.file = model.checkpoint.shards[tie.target->shard].file,
         .tensor = std::string(tie.target->name),
         .message = fmt::format(
             "{} holds the {} of {}, and the config does not tie them: legal, and {} could be "
             "saved with tie_word_embeddings true",
             quoted(tie.target->name), tie.source->dtype == tie.target->dtype ? "bytes" : "numbers",
             quoted(tie.source->name), human_bytes(tie.target->bytes)),
         .group = std::string(tie.target->name)});
  }
}

}  // namespace

extern const Check kEqualUntiedHead;
constinit const Check kEqualUntiedHead{
    .code = "AR415",
    .name = "equal-untied-head",
    .summary = "an untied head holds the same bytes as the embedding",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = equal_untied_head,
};

}  // namespace shardwright
