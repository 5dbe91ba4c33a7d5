// ST117: white space around the header that the format does not foresee.
// docs/checks/ST117-unusual-padding.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/relay.h"
#include "check/shard_defects.h"

namespace shardwright {
namespace {

using safetensors::Defect;
using safetensors::DefectKind;

void unusual_padding(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    const auto defects = defects_of(shard, {DefectKind::kPadding});
    if (defects.empty()) continue;
    report({.file = shard.file,
            .message = fmt::format("the header of {} has {}: the format asks for '{{' as the first "
                                   "byte and for spaces after the object; transformers accepts it",
                                   quoted(shard.file), defects.front()->detail),
            .fix = relay_fix(model, shard, "write the header anew, padded with spaces")});
  }
}

}  // namespace

extern const Check kUnusualPadding;
constinit const Check kUnusualPadding{
    .code = "ST117",
    .name = "unusual-padding",
    .summary = "a header is padded with other white space than spaces at its end",
    .severity = Severity::kInfo,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = unusual_padding,
};

}  // namespace shardwright
