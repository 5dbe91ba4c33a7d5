// AR414: the config unties the head, and no head is stored.
// docs/checks/AR414-missing-head.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/config_edit.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void missing_head(const Model& model, const Reporter& report) {
  const ExpectedTensor* head = model.join.missing_head;
  if (head == nullptr) return;
  const Expansion& expected = *model.expected;
  const ExpectedTie* tie = nullptr;
  for (const ExpectedTie& candidate : expected.ties) {
    if (candidate.target == head->name) tie = &candidate;
  }
  const std::string flag =
      expected.tie.stated
          ? fmt::format("{} is false", expected.tie.key())
          : fmt::format("tie_word_embeddings is absent, and '{}' does not tie by default",
                        expected.schema->name);
  Report finding{
      .tensor = std::string(head->name),
      .message = fmt::format(
          "{} {} is missing, and {}: transformers would fill the head with random values",
          quoted(head->name), shape_text(head->shape), flag),
      .group = "head"};
  if (tie != nullptr && model.checkpoint.find(tie->source) != nullptr && model.checkpoint.config) {
    finding.fix =
        unsafe_fix(fmt::format("set {} to true, so that {} stands for the head", expected.tie.key(),
                               quoted(tie->source)),
                   {edit::SetJson{model.checkpoint.config->name, expected.tie.pointer, "true"}});
  } else {
    finding.fix = no_fix("the head's values are nowhere in the checkpoint");
  }
  report(std::move(finding));
}

}  // namespace

extern const Check kMissingHead;
constinit const Check kMissingHead{
    .code = "AR414",
    .name = "missing-head",
    .summary = "the config unties the head, and no head is stored",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = missing_head,
};

}  // namespace shardwright
