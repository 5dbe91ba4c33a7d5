// MG704: inputs of a merge were trained with other settings than the result will have.
// docs/checks/MG704-other-settings.md
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/across.h"
#include "check/check.h"

namespace shardwright {
namespace {

// What weights are trained for and no tensor's shape shows. A key that one config leaves to the
// class's default is not compared.
constexpr std::array<std::string_view, 22> kSettings = {"partial_rotary_factor",
                                                        "rotary_pct",
                                                        "hidden_act",
                                                        "hidden_activation",
                                                        "activation_function",
                                                        "feed_forward_proj",
                                                        "rms_norm_eps",
                                                        "layer_norm_eps",
                                                        "layer_norm_epsilon",
                                                        "norm_eps",
                                                        "sliding_window",
                                                        "attn_logit_softcapping",
                                                        "final_logit_softcapping",
                                                        "query_pre_attn_scalar",
                                                        "logit_scale",
                                                        "logits_scaling",
                                                        "embedding_multiplier",
                                                        "residual_multiplier",
                                                        "attention_multiplier",
                                                        "num_experts_per_tok",
                                                        "norm_topk_prob",
                                                        "routed_scaling_factor"};

// transformers 5 gathers both in rope_parameters.
const json::Value* rope_value(const Model& model, std::string_view inner, std::string_view outer) {
  if (const json::Value* gathered = setting(model, "rope_parameters")) {
    if (const json::Value* value = gathered->find(inner)) return value;
  }
  return setting(model, outer);
}

std::string rope_type(const Model& model) {
  const json::Value* of = setting(model, "rope_parameters");
  if (of == nullptr) of = setting(model, "rope_scaling");
  if (of == nullptr) return "default";
  for (const std::string_view key : {"rope_type", "type"}) {
    const json::Value* type = of->find(key);
    if (type != nullptr && type->string() != nullptr) return *type->string();
  }
  return "default";
}

void compare(std::vector<std::string>& found, std::string_view key, const json::Value* wanted,
             const json::Value* other) {
  if (wanted == nullptr || other == nullptr || same_setting(*wanted, *other)) return;
  found.push_back(fmt::format("{} {} (the result: {})", quoted(key), setting_text(other),
                              setting_text(wanted)));
}

void other_settings(const Model& first, const Model& other, const Reporter& report) {
  std::vector<std::string> found;
  compare(found, "rope_theta", rope_value(first, "rope_theta", "rope_theta"),
          rope_value(other, "rope_theta", "rope_theta"));
  if (const std::string type = rope_type(other); type != rope_type(first)) {
    found.push_back(fmt::format("rotary positions of the type {} (the result: {})", quoted(type),
                                quoted(rope_type(first))));
  }
  for (const std::string_view key : kSettings)
    compare(found, key, setting(first, key), setting(other, key));
  if (found.empty()) return;
  report({.message = fmt::format("{} was trained with {}: the result has the config of {}",
                                 label_of(other), fmt::join(found, ", "), label_of(first))});
}

}  // namespace

extern const Check kOtherSettings;
constinit const Check kOtherSettings{
    .code = "MG704",
    .name = "other-settings",
    .summary = "inputs of a merge were trained with other settings than the result will have",
    .severity = Severity::kWarning,
    .repair = Repair::kNone,
    .since = "0.1",
    .across = other_settings,
};

}  // namespace shardwright
