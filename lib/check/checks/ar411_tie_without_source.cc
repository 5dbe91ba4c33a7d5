// AR411: a tied weight is stored under the name of the head alone.
// docs/checks/AR411-tie-without-source.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void tie_without_source(const Model& model, const Reporter& report) {
  for (const Tolerated& tie : model.join.stand_ins) {
    const std::string& file = model.checkpoint.shards[tie.stored->shard].file;
    report({.file = file,
            .tensor = std::string(tie.stored->name),
            .message = fmt::format(
                "{} is stored and {}, to which the config ties it, is not: transformers 5 takes "
                "the one for both, transformers 4, vLLM and MLX do not find the other",
                quoted(tie.stored->name), quoted(tie.expected->name)),
            .fix = safe_fix(fmt::format("call it {}", quoted(tie.expected->name)),
                            {edit::RenameTensor{file, std::string(tie.stored->name),
                                                std::string(tie.expected->name)}}),
            .group = std::string(tie.expected->name)});
  }
}

}  // namespace

extern const Check kTieWithoutSource;
constinit const Check kTieWithoutSource{
    .code = "AR411",
    .name = "tie-without-source",
    .summary = "a tied weight is stored under the name of the head alone",
    .severity = Severity::kWarning,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = tie_without_source,
};

}  // namespace shardwright
