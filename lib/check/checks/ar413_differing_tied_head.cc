// AR413: the config ties the head to the embedding, and the stored head differs.
// docs/checks/AR413-differing-tied-head.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/config_edit.h"
#include "check/fixes.h"
#include "check/tie.h"

namespace shardwright {
namespace {

void differing_tied_head(const Model& model, const Reporter& report) {
  if (!model.join.compared || !model.expected->tie.tied) return;
  for (const StoredTie& tie : stored_ties(model)) {
    if (tie.source == nullptr || tie.bytes != TieBytes::kDiffer) continue;
    // A head that does not even fit the config is a finding of its shape.
    const ExpectedTensor* expected = model.expected_of(*tie.target);
    if (expected != nullptr && !same_shape(expected->shape, tie.target->shape)) continue;
    const std::string where =
        model.expected->tie.stated
            ? fmt::format("the config says {} true", model.expected->tie.key())
            : fmt::format("the config does not say tie_word_embeddings, and '{}' ties by default",
                          model.expected->schema->name);
    report({.file = model.checkpoint.shards[tie.target->shard].file,
            .tensor = std::string(tie.target->name),
            .pointer = {},
            .message = fmt::format(
                "{} is stored and differs from {}, and {}: transformers 4 replaces it by the "
                "embedding, transformers 5 keeps it with a warning",
                quoted(tie.target->name), quoted(tie.source->name), where),
            .fix = unsafe_fix(fmt::format("set {} to false", model.expected->tie.key()),
                              untie_edits(model)),
            .group = std::string(tie.target->name)});
  }
}

}  // namespace

extern const Check kDifferingTiedHead;
constinit const Check kDifferingTiedHead{
    .code = "AR413",
    .name = "differing-tied-head",
    .summary = "the config ties the head to the embedding, and the stored head differs",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = differing_tied_head,
};

}  // namespace shardwright
