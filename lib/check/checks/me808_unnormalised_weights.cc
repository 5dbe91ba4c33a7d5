// ME808: the weights of the experts of a token do not add up to one.
// docs/checks/ME808-unnormalised-weights.md
#include <fmt/format.h>

#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

constexpr std::string_view kKey = "norm_topk_prob";
// What mergekit-moe, and `moe`, write beside a mixture of dense models.
constexpr std::string_view kRecipe = "mergekit_moe_config.yml";

void unnormalised_weights(const Model& model, const Reporter& report) {
  const json::Value* config = model.checkpoint.config_value();
  if (!model.join.compared || config == nullptr || !model.expected->experts) return;
  // A class that has the key and takes false.
  const json::Value* fallback = model.expected->schema->defaults.find(kKey);
  if (fallback == nullptr || fallback->boolean() == nullptr) return;
  // Where a token goes to all experts, the weights add up to one as they are.
  if (model.expected->per_token.value_or(0) >= *model.expected->experts) return;
  const json::Value* stated = config->find(kKey);
  const bool is_mixture = model.checkpoint.folder != nullptr &&
                          model.checkpoint.folder->find(std::string(kRecipe)) != nullptr;
  const bool absent = stated == nullptr;
  const bool on =
      absent ? *fallback->boolean() : stated->boolean() == nullptr || *stated->boolean();
  if (on || (!absent && !is_mixture)) return;
  const std::string pointer = fmt::format("/{}", kKey);
  Report finding{.file = model.checkpoint.config->name, .pointer = pointer};
  finding.message =
      fmt::format("'{}' is {}: the weights of a token's experts do not add up to one, as {} needs",
                  kKey, absent ? "absent, and the class takes false" : "false",
                  is_mixture ? fmt::format("this mixture of dense models ('{}')", kRecipe)
                             : "a mixture of dense models");
  if (is_mixture) {
    finding.fix = unsafe_fix(fmt::format("set '{}' to true", pointer),
                             {edit::SetJson{model.checkpoint.config->name, pointer, "true"}});
  }
  report(std::move(finding));
}

}  // namespace

extern const Check kUnnormalisedWeights;
constinit const Check kUnnormalisedWeights{
    .code = "ME808",
    .name = "unnormalised-weights",
    .summary = "the weights of the experts of a token do not add up to one",
    .severity = Severity::kInfo,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = unnormalised_weights,
};

}  // namespace shardwright
