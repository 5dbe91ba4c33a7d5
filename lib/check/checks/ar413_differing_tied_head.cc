// AR413: the config ties the head to the embedding, and the stored head differs.
// docs/checks/AR413-differing-tied-head.md
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/config_edit.h"
#include "check/fixes.h"
#include "check/tie.h"

namespace shardwright {
namespace {

void report_head(const Model& model, const Tensor& head, std::string_view embedding,
                 std::string_view where, std::string_view key, const Reporter& report) {
  report({.file = model.checkpoint.shards[head.shard].file,
          .tensor = std::string(head.name),
          .message =
              fmt::format("{} is stored and differs from {}, and {}: transformers 4 replaces it by "
                          "the embedding, transformers 5 keeps it with a warning",
                          quoted(head.name), quoted(embedding), where),
          .fix = unsafe_fix(fmt::format("set {} to false", key), untie_edits(model)),
          .group = std::string(head.name)});
}

// No rule says what is tied: the one embedding, and the head that the config ties to it.
void differing_without_rule(const Model& model, const Reporter& report) {
  const Tensor* head = model.join.unruled->tied_head;
  if (head == nullptr) return;
  for (const TieFacts& tie : model.data.ties) {
    if (tie.target != head->name || tie.bytes != TieBytes::kDiffer) continue;
    report_head(model, *head, tie.source, "the config says tie_word_embeddings true",
                "tie_word_embeddings", report);
  }
}

void differing_tied_head(const Model& model, const Reporter& report) {
  if (model.join.unruled) differing_without_rule(model, report);
  const std::vector<StoredTie> ties = stored_ties(model);
  if (ties.empty() || !model.expected->tie.tied) return;
  for (const StoredTie& tie : ties) {
    if (tie.source == nullptr || tie.bytes != TieBytes::kDiffer) continue;
    // A head that does not even fit the config is a finding of its shape.
    const ExpectedTensor* expected = model.expected_of(*tie.target);
    if (expected != nullptr && !same_shape(expected->shape, tie.target->shape)) continue;
    const std::string where =
        model.expected->tie.stated
            ? fmt::format("the config says {} true", model.expected->tie.key())
            : fmt::format("the config does not say tie_word_embeddings, and '{}' ties by default",
                          model.expected->schema->name);
    report_head(model, *tie.target, tie.source->name, where, model.expected->tie.key(), report);
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
