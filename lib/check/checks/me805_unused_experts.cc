// ME805: the config sends no token to any expert.
// docs/checks/ME805-unused-experts.md
#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void unused_experts(const Model& model, const Reporter& report) {
  if (!model.expected || model.expected->per_token != 0) return;
  const auto& tensors = model.expected->tensors;
  if (std::ranges::find(tensors, Role::kRouter, &ExpectedTensor::role) == tensors.end()) return;
  const std::string& pointer = model.expected->per_token_pointer;
  report(
      {.file = model.checkpoint.config->name,
       .pointer = pointer,
       .message = fmt::format(
           "{} 0: no token goes to any of the {} experts, and transformers computes without them",
           pointer.empty() ? "in some layer the experts of a token are"
                           : fmt::format("{} is", quoted(pointer)),
           model.expected->experts.value_or(0)),
       .fix = no_fix("how many experts a token goes to is not in the weights: take the number "
                     "from the model that this one was made from")});
}

}  // namespace

extern const Check kUnusedExperts;
constinit const Check kUnusedExperts{
    .code = "ME805",
    .name = "unused-experts",
    .summary = "the config sends no token to any expert",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = unused_experts,
};

}  // namespace shardwright
