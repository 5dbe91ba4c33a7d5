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

// What weights are trained for and no tensor's shape shows.
constexpr auto kSettings = std::to_array<std::string_view>({"hidden_act",
                                                            "hidden_activation",
                                                            "activation_function",
                                                            "feed_forward_proj",
                                                            "rms_norm_eps",
                                                            "layer_norm_eps",
                                                            "layer_norm_epsilon",
                                                            "norm_eps",
                                                            "norm_epsilon",
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
                                                            "routed_scaling_factor",
                                                            "n_group",
                                                            "topk_group"});

// What a model computes with; no value where neither the config nor the rule says it.
struct Known {
  const json::Value* value{};
  bool by_default{};  // the config leaves it to the class
};

const json::Value* default_of(const Model& model, std::string_view key) {
  return model.detection.schema == nullptr ? nullptr : model.detection.schema->defaults.find(key);
}

Known known_setting(const Model& model, std::string_view key) {
  if (const json::Value* value = setting(model, key)) return {.value = value};
  const json::Value* fallback = default_of(model, key);
  const json::Value* config = model.checkpoint.config_value();
  if (fallback == nullptr || config == nullptr) return {};
  // A null counts where the class reads the key, and does not fall back to the default.
  const json::Value* null = config->find(key);
  return {.value = null == nullptr ? fallback : null, .by_default = null == nullptr};
}

// transformers 5 gathers these in rope_parameters; GPT-NeoX had names of its own.
Known rope_value(const Model& model, std::string_view key, std::string_view older) {
  if (const json::Value* gathered = setting(model, "rope_parameters")) {
    if (const json::Value* value = gathered->find(key)) return {.value = value};
  }
  const json::Value* value = setting(model, older);
  return value == nullptr ? known_setting(model, key) : Known{.value = value};
}

// A window that a class has and does not use is none.
Known window(const Model& model) {
  static const json::Value none{};
  const Known used = known_setting(model, "use_sliding_window");
  if (used.value != nullptr && used.value->boolean() != nullptr && !*used.value->boolean()) {
    return {.value = &none};
  }
  return known_setting(model, "sliding_window");
}

// Who says anything of rotary positions means the plain ones where no type is named.
std::string rope_type(const Model& model) {
  const json::Value* of = setting(model, "rope_parameters");
  if (of == nullptr) of = setting(model, "rope_scaling");
  const json::Value* fallback = of == nullptr ? default_of(model, "rope_type") : nullptr;
  for (const json::Value* type : {of == nullptr ? nullptr : of->find("rope_type"),
                                  of == nullptr ? nullptr : of->find("type"), fallback}) {
    if (type != nullptr && type->string() != nullptr) return *type->string();
  }
  return "default";
}

std::string known_text(const Known& known) {
  return fmt::format("{}{}", known.value->is_null() ? "none" : setting_text(known.value),
                     known.by_default ? " by default" : "");
}

void compare(std::vector<std::string>& found, std::string_view key, const Known& wanted,
             const Known& other) {
  if (wanted.value == nullptr || other.value == nullptr) return;
  if (json::says_the_same(*wanted.value, *other.value)) return;
  found.push_back(
      fmt::format("{} {} (the result: {})", quoted(key), known_text(other), known_text(wanted)));
}

void other_settings(const Model& first, const Model& other, const Reporter& report) {
  std::vector<std::string> found;
  compare(found, "rope_theta", rope_value(first, "rope_theta", "rotary_emb_base"),
          rope_value(other, "rope_theta", "rotary_emb_base"));
  if (const std::string type = rope_type(other); type != rope_type(first)) {
    found.push_back(fmt::format("rotary positions of the type {} (the result: {})", quoted(type),
                                quoted(rope_type(first))));
  }
  compare(found, "partial_rotary_factor", rope_value(first, "partial_rotary_factor", "rotary_pct"),
          rope_value(other, "partial_rotary_factor", "rotary_pct"));
  for (const std::string_view key : kSettings) {
    const bool is_window = key == "sliding_window";
    compare(found, key, is_window ? window(first) : known_setting(first, key),
            is_window ? window(other) : known_setting(other, key));
  }
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
