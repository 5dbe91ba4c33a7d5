// CF312: a key of the config has a value that transformers refuses.
// docs/checks/CF312-refused-config-value.md
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "arch/query.h"
#include "base/utf8.h"
#include "check/check.h"
#include "check/config_types.h"
#include "check/fixes.h"
#include "check/quantization_settings.h"
#include "check/rope_settings.h"
#include "check/value_rules.h"
#include "json/value.h"

namespace shardwright {
namespace {

// Names of torch's floating-point types; a model of another type cannot be built.
bool is_float_type(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"bfloat16", "double", "float", "float16", "float32", "float64", "half"});
  return std::ranges::find(kNames, name) != kNames.end();
}
bool is_packed_float_type(std::string_view name) {
  return name.starts_with("float8_") || name.starts_with("float4_");
}

std::string shown(const json::Value& value) {
  constexpr std::size_t kMost = 60;
  return printable(json::dump(value), kMost);
}

constexpr std::string_view kRefused = "refuses the config";
constexpr std::string_view kStops = "loads the model, and stops at the first text";
constexpr std::string_view kSpoilt = "loads the model, and what it computes is of no use";

std::string_view follows(ValueEffect effect) {
  if (effect == ValueEffect::kRefused) return kRefused;
  return effect == ValueEffect::kStops ? kStops : kSpoilt;
}

void report_value(const Model& model, const Reporter& report, std::string pointer,
                  std::string_view what, std::string_view follows) {
  std::string group = pointer;
  report({.file = model.checkpoint.config->name,
          .pointer = std::move(pointer),
          .message = fmt::format("{}: transformers 5 {}", what, follows),
          .fix = no_fix("correct the value, or compare config.json with that of the model that "
                        "this one was made from"),
          .group = std::move(group)});
}

std::string wrong_count(std::string_view key, std::size_t entries, std::uint64_t layers) {
  return fmt::format("'{}' has {} entries, and the config counts {} layers", key, entries, layers);
}

std::string refused_value(std::string_view key, const json::Value& value, std::string_view wanted) {
  return fmt::format("'{}' is {}, and has to be {}", key, shown(value), wanted);
}

// What transformers asks of these keys whichever the class is.
constexpr std::string_view kWantedDType = "the name of a dtype, such as 'bfloat16'";
constexpr std::string_view kWantedMethod = "an object with a 'quant_method'";

constexpr std::string_view kLayerTypes = "layer_types";

// Classes whose first layers slide where no list says which do.
constexpr std::string_view kSliding =
    "cohere2 cohere2_moe exaone4 gemma2 gemma3_text gemma3n_text gemma4_text gpt_oss ministral3 "
    "mistral mixtral phi3 starcoder2";

void judge_quantization(const Model& model, const json::Value& settings, const std::string& at,
                        const Reporter& report) {
  for (const RefusedQuantSetting& refused : refused_quant_settings(settings)) {
    report_value(model, report, at + "/quantization_config/" + std::string(refused.key),
                 refused_value(refused.key, *settings.find(refused.key), refused.wanted), kRefused);
  }
}

class ConfigJudge {
 public:
  ConfigJudge(const Model& model, const Reporter& report)
      : model_(model),
        report_(report),
        config_(*model.checkpoint.config_value()),
        schema_(*model.expected->schema) {
    const auto& types = schema_.model_types;
    const bool own = std::ranges::find(types, model.detection.model_type) != types.end();
    model_type_ = own ? std::string_view(model.detection.model_type) : types.front();
    is_own_type_ = own;
  }

  void judge() {
    for (const json::Member& member : *config_.object())
      judge_key(member.key, member.value);
    judge_layer_types(kLayerTypes, is_layer_type);
    // Where the one is not there transformers does not look at the other.
    const json::Value* types = config_.find(kLayerTypes);
    if (reads(kLayerTypes) && types != nullptr && !types->is_null())
      judge_layer_types("mlp_layer_types", is_mlp_layer_type);
    judge_rope();
    judge_inner_config();
  }

 private:
  void refuse(std::string pointer, const std::string& what) {
    report_value(model_, report_, std::move(pointer), what, kRefused);
  }

  void refuse_value(std::string_view key, const json::Value& value, std::string_view wanted) {
    refuse("/" + json::pointer_step(key), refused_value(key, value, wanted));
  }

  // What is wrong with a key that the rule reads, CF306 says.
  [[nodiscard]] bool is_said(std::string_view key) const {
    const std::string pointer = "/" + json::pointer_step(key);
    return std::ranges::find(model_.expected->problems, pointer, &ConfigProblem::pointer) !=
           model_.expected->problems.end();
  }

  [[nodiscard]] bool reads(std::string_view key) const {
    const auto& keys = schema_.per_layer_keys;
    return std::ranges::find(keys, key) != keys.end();
  }

  // Values of these dtypes are weights that a method packs; of those torch computes with none.
  [[nodiscard]] bool is_dtype(std::string_view name) const {
    if (is_float_type(name)) return true;
    if (!is_packed_float_type(name)) return false;
    const json::Value* method = config_.find_path("quantization_config.quant_method");
    return method != nullptr && method->string() != nullptr && *method->string() != "fp8";
  }

  void judge_key(std::string_view key, const json::Value& value) {
    if (is_said(key)) return;
    const std::string* text = value.string();
    if (key.ends_with("dtype") && (key == "dtype" || key == "torch_dtype")) {
      const bool typed = !wanted_type(model_type_, key, value);
      if (!typed || (text != nullptr && !is_dtype(*text))) refuse_value(key, value, kWantedDType);
      return;
    }
    if (const auto type = wanted_type(model_type_, key, value)) {
      refuse_value(key, value, *type);
    } else if (const auto wrong = wrong_value(model_type_, key, value)) {
      report_value(model_, report_, "/" + json::pointer_step(key),
                   refused_value(key, value, wrong->wanted), follows(wrong->effect));
    } else if (key == "sliding_window" && slides() && !is_window(value)) {
      report_value(model_, report_, "/sliding_window",
                   refused_value(key, value, "at least 1 where layers slide"), kStops);
    } else if (text != nullptr && is_activation_key(key) && !is_activation(*text)) {
      refuse_value(key, value, "the name of a function that transformers has, such as 'silu'");
    } else if (key == "quantization_config" && value.object() != nullptr &&
               !names_its_method(value)) {
      refuse_value(key, value, kWantedMethod);
    } else if (key == "quantization_config" && value.object() != nullptr) {
      judge_quantization(model_, value, "", report_);
    }
  }

  // Whether null will do the rule says.
  static bool is_window(const json::Value& value) { return value.number().value_or(1) >= 1; }

  // Whether some layers see a window alone. Where no list says it, it is the class's own affair.
  [[nodiscard]] bool slides() const {
    constexpr std::string_view kFlag = "use_sliding_window";
    if (!knows_key(model_type_, "sliding_window")) return false;
    if (knows_key(model_type_, kFlag) && !config_.says(kFlag, true)) return false;
    if (config_.find("layer_types") != nullptr) return names_layer(config_, "sliding_attention");
    return is_of_models(kSliding, model_type_);
  }

  // Of the keys with such names those that the class computes with.
  [[nodiscard]] bool is_activation_key(std::string_view key) const {
    constexpr auto kKeys = std::to_array<std::string_view>({"activation", "activation_function",
                                                            "hidden_act", "hidden_activation",
                                                            "mamba_hidden_act", "mlp_hidden_act"});
    // t5 makes it of another key where it is absent.
    if (key == "dense_act_fn") return schema_.defaults.find("feed_forward_proj") != nullptr;
    return std::ranges::find(kKeys, key) != kKeys.end() && schema_.defaults.find(key) != nullptr;
  }

  void judge_layer_types(std::string_view key, bool (*is_known)(std::string_view)) {
    const json::Value* list = config_.find(key);
    if (list == nullptr || list->array() == nullptr || is_said(key)) return;
    for (const json::Value& word : *list->array()) {
      const bool known = word.string() != nullptr && is_known(*word.string());
      if (!known) {
        refuse(
            "/" + std::string(key),
            fmt::format("'{}' names {}, and there are no layers of that kind", key, shown(word)));
        return;
      }
      const auto effect = key == kLayerTypes ? effect_of_layer_type(model_type_, *word.string())
                                             : std::optional<ValueEffect>();
      if (!effect) continue;
      report_value(model_, report_, "/" + std::string(key),
                   fmt::format("'{}' names {}, and '{}' has no layers of that kind", key,
                               shown(word), model_type_),
                   follows(*effect));
      return;
    }
    const auto layers = model_.expected->layers;
    if (reads(key) || !layers || list->array()->size() == *layers) return;
    refuse("/" + std::string(key), wrong_count(key, list->array()->size(), *layers));
  }

  void judge_rope() {
    const bool is_flat = schema_.defaults.find("rope_theta") != nullptr;
    // Where a rule reads the type, it says which there are.
    const auto read = keys_read(schema_);
    const bool is_read = std::ranges::any_of(read, [](std::string_view key) {
      return key.starts_with("rope_scaling.") || key.starts_with("rope_parameters.");
    });
    // A class that has rotary positions among others builds them on request.
    const json::Value* positions = config_.find("position_embedding_type");
    const bool is_built =
        schema_.defaults.find("position_embedding_type") == nullptr ||
        (positions != nullptr && positions->string() != nullptr && *positions->string() == "rope");
    const bool is_alibi = config_.says("alibi", true);
    // GPT-NeoX has a name of its own for it.
    const bool is_neox = schema_.name == "gpt_neox";
    const std::string_view theta = is_neox ? "rotary_emb_base" : "rope_theta";
    const RopeClass rope{.is_flat = is_flat,
                         .is_built = is_built && !is_read,
                         .has_theta = is_built,
                         .theta = theta,
                         .has_part = schema_.defaults.find("partial_rotary_factor") != nullptr,
                         .as_longrope = schema_.name == "phi3" ? "su yarn" : "",
                         .reads = schema_.name == "ministral3"
                                      ? "llama_4_scaling_beta original_max_position_embeddings"
                                      : "",
                         .rotated = rotated()};
    for (const RefusedRope& refused : refused_rope(config_, rope)) {
      const bool loads = refused.effect != ValueEffect::kRefused;
      if (refused.pointer == "/rope_theta" && !loads && types_theta()) continue;
      if (loads && is_alibi) continue;
      report_value(model_, report_, refused.pointer, refused.what, follows(refused.effect));
    }
  }

  // A class that declares a type for it says what is wrong with it as with any key.
  [[nodiscard]] bool types_theta() const {
    return wanted_type(model_type_, "rope_theta", *config_.find("rope_theta")).has_value();
  }

  // Where heads are rotated alike in all layers, and no part of them has a size of its own.
  [[nodiscard]] std::optional<std::uint64_t> rotated() const {
    const ConfigQuery query(schema_, config_, {});
    if (query.value("rope") || config_.find("rotary_pct") != nullptr) return std::nullopt;
    const auto head = query.value("head");
    const auto size = head ? head->whole_number() : std::nullopt;
    if (!size || *size <= 0) return std::nullopt;
    const auto part = query.value("partial_rotary_factor");
    const double factor = part ? part->number().value_or(1) : 1;
    if (!(factor > 0 && factor <= 1)) return std::nullopt;
    return static_cast<std::uint64_t>(static_cast<double>(*size) * factor);
  }

  // The config of a text model has none of its own inside; transformers takes one for an object
  // that it made itself.
  void judge_inner_config() {
    const json::Value* inner = config_.find("text_config");
    if (inner == nullptr || inner->is_null() || !is_own_type_ ||
        schema_.example.find("text_config") != nullptr)
      return;
    refuse_value("text_config", *inner, "absent in a config of this model_type");
  }

  const Model& model_;
  const Reporter& report_;
  const json::Value& config_;
  const Schema& schema_;
  std::string_view model_type_;
  bool is_own_type_{};
};

// Classes that take the first entries of a longer list.
constexpr auto kCutLists = std::to_array<std::string_view>({"deepseek_v4"});

// Of a class that no rule describes: one config, or the text model's inside it.
void judge_common_keys(const Model& model, const json::Value& config, const std::string& at,
                       const Reporter& report) {
  const json::Value* named = config.find("model_type");
  const std::string_view model_type =
      named != nullptr && named->string() != nullptr ? *named->string() : std::string_view();
  for (const auto& [key, value] : *config.object()) {
    const auto wanted = commonly_wanted_type(model_type, key, value);
    const std::string* text = value.string();
    std::string_view asked;
    if (key == "dtype" || key == "torch_dtype") {
      const bool odd = text != nullptr && !is_float_type(*text) && !is_packed_float_type(*text);
      if (wanted || odd) asked = kWantedDType;
    } else if (wanted) {
      asked = *wanted;
    } else if (key == "quantization_config" && value.object() != nullptr &&
               !names_its_method(value)) {
      asked = kWantedMethod;
    } else if (key == "quantization_config" && value.object() != nullptr) {
      judge_quantization(model, value, at, report);
    }
    if (asked.empty()) continue;
    report_value(model, report, at + "/" + json::pointer_step(key),
                 refused_value(key, value, asked), kRefused);
  }
  const json::Value* types = config.find("layer_types");
  const json::Value* layers = config.find("num_hidden_layers");
  const auto count = layers != nullptr ? layers->whole_number() : std::nullopt;
  if (types == nullptr || types->array() == nullptr || !count || *count < 0) return;
  const std::size_t entries = types->array()->size();
  const auto wanted = static_cast<std::uint64_t>(*count);
  const bool cut = std::ranges::find(kCutLists, model_type) != kCutLists.end();
  if (entries == wanted || (entries > wanted && cut)) return;
  report_value(model, report, at + "/layer_types", wrong_count("layer_types", entries, wanted),
               kRefused);
}

void refused_config_value(const Model& model, const Reporter& report) {
  const json::Value* config = model.checkpoint.config_value();
  if (config == nullptr || config->object() == nullptr) return;
  // A module beside the weights has a config class of its own.
  if (config->find("auto_map") != nullptr) return;
  if (model.expected) {
    ConfigJudge(model, report).judge();
  } else if (model.join.unruled && model.join.unruled->of_transformers) {
    judge_common_keys(model, *config, "", report);
    const json::Value* text = config->find("text_config");
    if (text != nullptr && text->object() != nullptr)
      judge_common_keys(model, *text, "/text_config", report);
  }
}

}  // namespace

extern const Check kRefusedConfigValue;
constinit const Check kRefusedConfigValue{
    .code = "CF312",
    .name = "refused-config-value",
    .summary = "a key of the config has a value that transformers refuses",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = refused_config_value,
};

}  // namespace shardwright
