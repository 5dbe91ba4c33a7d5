// AR410: names have the model's prefix once too often, or not at all.
// docs/checks/AR410-odd-prefix.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void odd_prefix(const Model& model, const Reporter& report) {
  for (const Tolerated& odd : model.join.odd_prefix) {
    const std::string& file = model.checkpoint.shards[odd.stored->shard].file;
    report({.file = file,
            .tensor = std::string(odd.stored->name),
            .message = fmt::format(
                "{} should be called {}: transformers 5 reads it all the same, other loaders "
                "(vLLM, llama.cpp, MLX) do not find it",
                quoted(odd.stored->name), quoted(odd.expected->name)),
            .fix = safe_fix("give the tensors their own names",
                            {edit::RenameTensor{file, std::string(odd.stored->name),
                                                std::string(odd.expected->name)}}),
            .group = "all"});
  }
}

}  // namespace

extern const Check kOddPrefix;
constinit const Check kOddPrefix{
    .code = "AR410",
    .name = "odd-prefix",
    .summary = "names have the model's prefix once too often, or not at all",
    .severity = Severity::kWarning,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = odd_prefix,
};

}  // namespace shardwright
