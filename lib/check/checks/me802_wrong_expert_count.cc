// ME802: the layers hold another number of experts than the config counts.
// docs/checks/ME802-wrong-expert-count.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void wrong_expert_count(const Model& model, const Reporter& report) {
  if (!model.join.experts) return;
  const ExpertCount& experts = *model.join.experts;
  report({.tensor = experts.places.empty() ? std::string() : experts.places.front(),
          .message = fmt::format(
              "every layer holds {} experts, and the config counts {}: transformers {}",
              experts.stored, experts.config,
              experts.stored < experts.config ? "would fill the others with random values"
                                              : "leaves the others out"),
          .fix = no_fix("the config and the weights are of different mixtures: find the config "
                        "that belongs to these "
                        "weights"),
          .group = "all",
          .places = experts.places});
}

}  // namespace

extern const Check kWrongExpertCount;
constinit const Check kWrongExpertCount{
    .code = "ME802",
    .name = "wrong-expert-count",
    .summary = "the layers hold another number of experts than the config counts",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = wrong_expert_count,
};

}  // namespace shardwright
