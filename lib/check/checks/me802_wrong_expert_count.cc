// ME802: the layers hold another number of experts than the config counts.
// docs/checks/ME802-wrong-expert-count.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

// Who of config and routers counts what, and what loaders make of it.
std::string count_cause(const ExpertCount& experts) {
  const bool fewer = experts.stored < experts.config;
  switch (experts.routers) {
    case ExpertCount::Routers::kAsStored:
      return fmt::format(
          "so do the routers, and the config counts {}: transformers refuses to load it (size "
          "mismatch)",
          experts.config);
    case ExpertCount::Routers::kAsConfig:
      return fmt::format(
          "routers and config count {}: {}, and transformers refuses to load it (size mismatch)",
          experts.config, fewer ? "the others are lost" : "no token gets to the others");
    case ExpertCount::Routers::kUnclear:
      break;
  }
  return fmt::format("and the config counts {}: transformers refuses to load it (size mismatch)",
                     experts.config);
}

Fix count_fix(const Model& model, const ExpertCount& experts) {
  const std::string& pointer = model.expected->experts_pointer;
  if (experts.routers == ExpertCount::Routers::kAsConfig) {
    return no_fix(
        experts.stored < experts.config
            ? "the values of the others are nowhere in the checkpoint: copy them from the "
              "model that this one was made from, or make the mixture again"
            : "nobody can tell which experts the rows of the routers are for: make the "
              "mixture again");
  }
  if (!experts.fits || pointer.empty()) {
    return no_fix(
        "the config and the weights are of different mixtures: find the config that belongs to "
        "these weights");
  }
  if (!experts.contradictions.empty()) {
    return no_fix(fmt::format("with {} the config would contradict itself: {}",
                              counted(experts.stored, "expert"), experts.contradictions.front()));
  }
  return safe_fix(
      fmt::format("set {} to {}, the experts that are stored", quoted(pointer), experts.stored),
      {edit::SetJson{model.checkpoint.config->name, pointer, std::to_string(experts.stored)}});
}

void wrong_expert_count(const Model& model, const Reporter& report) {
  if (!model.join.experts) return;
  const ExpertCount& experts = *model.join.experts;
  report({.file = model.checkpoint.config->name,
          .tensor = experts.places.empty() ? std::string() : experts.places.front(),
          .pointer = model.expected->experts_pointer,
          .message = fmt::format("every layer holds {}, {}", counted(experts.stored, "expert"),
                                 count_cause(experts)),
          .fix = count_fix(model, experts),
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
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = wrong_expert_count,
};

}  // namespace shardwright
