// TD603: a merged tensor is much longer or much shorter than what it was made of.
// docs/checks/TD603-odd-norm.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"

namespace shardwright {
namespace {

// Weights that add up to one, and task vectors of fine-tunes, stay far within.
constexpr double kFactor = 10;

void odd_norm(const Model& model, const Reporter& report) {
  for (std::size_t i = 0; i < model.data.norms.size(); ++i) {
    const auto& norms = model.data.norms[i];
    if (!norms || !(norms->least > 0)) continue;
    const bool is_long = norms->result > kFactor * norms->most;
    const bool is_short = norms->result < norms->least / kFactor;
    if (!is_long && !is_short) continue;
    const Tensor& tensor = model.checkpoint.tensors[i];
    report({.file = model.checkpoint.shards[tensor.shard].file,
            .tensor = std::string(tensor.name),
            .message =
                is_long
                    ? fmt::format("{} is {:.2g} times as long as the longest tensor that it was "
                                  "merged of",
                                  quoted(tensor.name), norms->result / norms->most)
                    : fmt::format("{} is {:.2g} times as long as the shortest tensor that it was "
                                  "merged of",
                                  quoted(tensor.name), norms->result / norms->least)});
  }
}

}  // namespace

extern const Check kOddNorm;
constinit const Check kOddNorm{
    .code = "TD603",
    .name = "odd-norm",
    .summary = "a merged tensor is much longer or much shorter than what it was made of",
    .severity = Severity::kWarning,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = odd_norm,
};

}  // namespace shardwright
