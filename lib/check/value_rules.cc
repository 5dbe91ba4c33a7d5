#include "check/value_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "check/config_types.h"

namespace shardwright {
namespace {

// Numbers that forward passes compute with. Of those that are not here a NaN does no harm when a
// model runs: rates of dropout, losses, random weights.
struct ComputedKey {
  std::string_view key;
  bool is_limit;  // which infinity lifts
};
constexpr auto kComputedKeys = std::to_array<ComputedKey>({
    {"attention_multiplier", false},
    {"attn_logit_softcapping", false},
    {"clip_qkv", true},
    {"embedding_multiplier", false},
    {"final_logit_softcapping", false},
    {"layer_norm_eps", false},
    {"layer_norm_epsilon", false},
    {"logit_scale", false},
    {"logits_scaling", false},
    {"moe_norm_min", false},
    {"norm_eps", false},
    {"residual_multiplier", false},
    {"rms_norm_eps", false},
    {"routed_scaling_factor", false},
    {"swiglu_alpha", false},
    {"swiglu_limit", true},
    {"time_step_min", false},
});

bool is_above_0(double number) {
  return number > 0;
}
bool is_not_below_0(double number) {
  return number >= 0;
}
bool is_not_0(double number) {
  return number != 0;
}
bool is_count(double number) {
  return number >= 1;
}
bool is_share(double number) {
  return number >= 0 && number <= 1;
}
// nn.Dropout takes a NaN.
bool is_rate(double number) {
  return !(number < 0 || number > 1);
}

// What the classes of transformers 5.23 ask of a number: interval() in the config classes, and what
// their modules do with it. tests/interop/test_checks_config.py compares each with the class.
struct NumberRule {
  std::string_view key;
  bool (*is_sound)(double);
  std::string_view wanted;
  ValueEffect effect;
  std::string_view models;  // "llama mistral", or "!" for all that have the key
};
constexpr std::string_view kShare = "a number from 0 to 1";
constexpr std::string_view kAbove0 = "a number above 0";
constexpr std::string_view kFrom0 = "a number of at least 0";
constexpr std::string_view kFrom1 = "at least 1";
constexpr auto kRefused = ValueEffect::kRefused;
constexpr auto kStops = ValueEffect::kStops;
constexpr auto kSpoilt = ValueEffect::kSpoilt;
constexpr auto kNumberRules = std::to_array<NumberRule>({
    {"attention_dropout", is_rate, kShare, kRefused, "distilbert falcon"},
    {"attention_multiplier", is_above_0, kAbove0, kSpoilt, "!"},
    {"attention_probs_dropout_prob", is_rate, kShare, kRefused, "!"},
    {"attn_logit_softcapping", is_not_0, "a number other than 0", kSpoilt, "!"},
    {"attn_pdrop", is_rate, kShare, kRefused, "!"},
    {"chunk_size", is_count, kFrom1, kStops, "nemotron_h"},
    {"dropout", is_rate, kShare, kRefused, "distilbert"},
    {"dropout", is_rate, kShare, kStops, "opt"},
    {"dropout_rate", is_rate, kShare, kRefused, "t5"},
    {"embd_pdrop", is_rate, kShare, kRefused, "gpt2 phi"},
    {"embedding_dropout", is_rate, kShare, kStops, "starcoder2"},
    {"final_logit_softcapping", is_not_0, "a number other than 0", kSpoilt, "!"},
    {"hidden_dropout", is_rate, kShare, kStops, "falcon"},
    {"hidden_dropout", is_rate, kShare, kRefused, "gpt_neox stablelm"},
    {"hidden_dropout_prob", is_rate, kShare, kRefused, "!"},
    {"initializer_range", is_share, kShare, kRefused, "llama"},
    {"layer_norm_eps", is_not_below_0, kFrom0, kSpoilt, "!"},
    {"layer_norm_epsilon", is_not_below_0, kFrom0, kSpoilt, "!"},
    {"logits_scaling", is_not_0, "a number other than 0", kSpoilt, "!"},
    {"mamba_chunk_size", is_count, kFrom1, kStops, "granitemoehybrid"},
    {"norm_eps", is_not_below_0, kFrom0, kSpoilt, "!"},
    {"norm_epsilon", is_not_below_0, kFrom0, kSpoilt, "!"},
    {"query_pre_attn_scalar", is_above_0, kAbove0, kRefused, "!"},
    {"relative_attention_max_distance", is_count, kFrom1, kStops, "t5"},
    {"resid_pdrop", is_rate, kShare, kRefused, "gpt2 phi phi3"},
    {"residual_dropout", is_rate, kShare, kStops, "seed_oss starcoder2"},
    {"rms_norm_eps", is_not_below_0, kFrom0, kSpoilt, "!"},
});

// Keys that a class declares as what may be null, and computes with.
struct NeededKey {
  std::string_view key;
  ValueEffect effect;
  std::string_view models;
};
constexpr auto kNeededKeys = std::to_array<NeededKey>({
    {"attention_dropout", kRefused, "falcon"},
    {"embedding_multiplier", kStops, "granitemoe granitemoehybrid granitemoeshared"},
    {"hidden_dropout", kStops, "falcon"},
    {"layer_norm_eps", kStops, "cohere"},
    {"layer_norm_epsilon", kStops, "falcon"},
    {"logit_scale", kStops, "cohere"},
    {"logits_scaling", kStops, "granitemoe granitemoehybrid granitemoeshared"},
    {"mamba_chunk_size", kStops, "granitemoehybrid"},
    {"moe_norm_min", kStops, "ernie4_5_moe"},
    {"residual_multiplier", kStops, "granitemoe granitemoehybrid granitemoeshared"},
});

// Texts of which a class knows few.
struct WordRule {
  std::string_view key;
  std::string_view first, second;
  bool may_be_null;
  std::string_view wanted;
  ValueEffect effect;
  std::string_view models;
};
constexpr auto kWordRules = std::to_array<WordRule>({
    {"expert_selection_fn", "softmax", "sigmoid", false, "'softmax' or 'sigmoid'", kStops,
     "cohere2_moe"},
    {"use_bidirectional_attention", "all", "vision", true, "'all', 'vision' or null", kRefused,
     "gemma4_text"},
});

// A size that a class does not declare, and hands to torch.
constexpr std::string_view kSize = "head_dim";
constexpr std::string_view kWithSize = "cohere2 dots1 glm4_moe qwen3_moe";

// The kinds of layers that a class computes, older words for them too.
struct LayerKinds {
  std::string_view kinds;
  ValueEffect otherwise;
  std::string_view models;
};
constexpr auto kLayerKinds = std::to_array<LayerKinds>({
    {"attention full_attention sliding_attention", kStops,
     "cohere2 cohere2_moe dots1 exaone4 gemma2 gpt_oss qwen2 qwen2_moe qwen3 smollm3"},
    {"attention full_attention sliding_attention", kRefused,
     "gemma3_text gemma3n_text gemma4_text"},
    {"attention conv full_attention", kStops, "lfm2 lfm2_moe"},
    {"attention full_attention linear_attention mamba", kStops, "granitemoehybrid"},
});

bool is_spoilt(std::string_view key, double number) {
  const auto row = std::ranges::find(kComputedKeys, key, &ComputedKey::key);
  return row != kComputedKeys.end() &&
         (std::isnan(number) || (std::isinf(number) && !row->is_limit));
}

template <typename Row>
const Row* row_of(const auto& rows, std::string_view model_type, std::string_view key) {
  const auto row = std::ranges::find_if(
      rows, [&](const Row& one) { return one.key == key && is_of_models(one.models, model_type); });
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace

std::optional<WrongValue> wrong_value(std::string_view model_type, std::string_view key,
                                      const json::Value& value) {
  if (value.is_null()) {
    const auto* needed = row_of<NeededKey>(kNeededKeys, model_type, key);
    if (needed != nullptr) return WrongValue{"a number", needed->effect};
  }
  if (const auto* words = row_of<WordRule>(kWordRules, model_type, key)) {
    const std::string* text = value.string();
    const bool known = text != nullptr ? *text == words->first || *text == words->second
                                       : value.is_null() && words->may_be_null;
    if (!known) return WrongValue{words->wanted, words->effect};
  }
  if (key == kSize && value.real() != nullptr && is_of_models(kWithSize, model_type))
    return WrongValue{"a whole number", kRefused};
  if (!knows_key(model_type, key)) return std::nullopt;
  if (const double* real = value.real(); real != nullptr && is_spoilt(key, *real))
    return WrongValue{"a finite number", kSpoilt};
  const auto number = value.number();
  const auto* rule = number ? row_of<NumberRule>(kNumberRules, model_type, key) : nullptr;
  if (rule == nullptr || rule->is_sound(*number)) return std::nullopt;
  return WrongValue{rule->wanted, rule->effect};
}

std::optional<ValueEffect> effect_of_layer_type(std::string_view model_type,
                                                std::string_view kind) {
  for (const LayerKinds& row : kLayerKinds) {
    if (is_of_models(row.models, model_type) && !is_of_models(row.kinds, kind))
      return row.otherwise;
  }
  return std::nullopt;
}

}  // namespace shardwright
