// AR412: a tied head is stored beside the embedding that it repeats.
// docs/checks/AR412-spurious-tied-head.md
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/tie.h"

namespace shardwright {
namespace {

void spurious_tied_head(const Model& model, const Reporter& report) {
  const std::vector<StoredTie> ties = stored_ties(model);
  if (ties.empty() || !model.expected->tie.tied) return;
  for (const StoredTie& tie : ties) {
    if (tie.source == nullptr || tie.bytes == TieBytes::kDiffer) continue;
    const std::string& file = model.checkpoint.shards[tie.target->shard].file;
    const std::string target = quoted(tie.target->name);
    const bool proven = tie.bytes == TieBytes::kEqual;
    const std::string twice =
        tie.source->dtype == tie.target->dtype
            ? "the same bytes twice"
            : fmt::format("the same numbers in {} and in {}", dtype_name(tie.source->dtype),
                          dtype_name(tie.target->dtype));
    Report finding{.file = file,
                   .tensor = std::string(tie.target->name),
                   .group = std::string(tie.target->name)};
    finding.message = fmt::format(
        "{} {} is stored although the config ties it to {}: {}; {} parameters ({}) more than the "
        "model has, which MLX "
        "and vLLM refuse",
        target, shape_text(tie.target->shape), quoted(tie.source->name),
        proven ? twice : "equal in a sample, proof with --data",
        element_count(tie.target->shape).value_or(0), human_bytes(tie.target->bytes));
    if (proven) {
      finding.fix = safe_fix(fmt::format("drop {}", target),
                             {edit::DropTensor{file, std::string(tie.target->name)}});
    }
    report(std::move(finding));
  }
}

}  // namespace

extern const Check kSpuriousTiedHead;
constinit const Check kSpuriousTiedHead{
    .code = "AR412",
    .name = "spurious-tied-head",
    .summary = "a tied head is stored beside the embedding that it repeats",
    .severity = Severity::kWarning,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = spurious_tied_head,
};

}  // namespace shardwright
