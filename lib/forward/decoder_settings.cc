#include "forward/decoder_settings.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "arch/query.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

// Sizes above this are no model's: so that no product of two overflows.
constexpr std::uint64_t kMostOfASize = 1U << 20U;

Error unsupported(std::string_view key, std::string_view value) {
  return {ErrorCode::kUnsupported,
          fmt::format("a forward pass with {} {} is not supported", key, value)};
}

class SettingsReader {
 public:
  SettingsReader(const Expansion& expected, const json::Value& config)
      : expected_(expected),
        config_(config),
        query_(*expected.schema, config, expected.class_name) {}

  Result<DecoderSettings> read() {
    made_.family = decoder_family(expected_.schema->name);
    if (made_.family == nullptr) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("a forward pass of {} is not known", expected_.schema->name)};
    }
    SW_TRY_OK(read_sizes());
    SW_TRY_OK(read_numbers());
    SW_TRY_OK(read_types());
    for (std::size_t layer = 0; layer < layers_; ++layer) {
      SW_TRY(const LayerKind kind, kind_of(layer));
      settings_.layers.push_back(kind);
    }
    return std::move(settings_);
  }

 private:
  [[nodiscard]] const DecoderFamily& family() const { return *made_.family; }
  [[nodiscard]] bool is_latent() const { return family().attention == Attention::kLatent; }

  Result<std::size_t> size(std::string_view name) const {
    SW_TRY(const json::Value value, query_.value(name));
    const auto number = value.whole_number();
    if (!number || *number < 1 || static_cast<std::uint64_t>(*number) > kMostOfASize)
      return unsupported(name, json::dump(value));
    return static_cast<std::size_t>(*number);
  }

  Status read_sizes() {
    SW_TRY(layers_, size("layers"));
    SW_TRY(made_.hidden, size("hidden"));
    SW_TRY(made_.heads, size("heads"));
    SW_TRY(made_.kv, size("kv"));
    std::size_t rotated = 0;
    if (is_latent()) {
      SW_TRY(made_.rotated_from, size("nope"));
      SW_TRY(rotated, size("rope"));
      SW_TRY(made_.head_value, size("value"));
      SW_TRY(settings_.key_latent, size("kv_rank"));
      made_.kv = made_.heads;
    } else {
      SW_TRY(rotated, size("head"));
      made_.head_value = rotated;
    }
    made_.head = made_.rotated_from + rotated;
    if (made_.heads % made_.kv != 0)
      return unsupported("num_key_value_heads", std::to_string(made_.kv));
    SW_TRY(made_.rotary, rotary_of(config_, expected_.schema->defaults, rotated, family().rotary));
    return ok();
  }

  // A number at the top of the config, or that the class takes.
  Result<double> number(std::string_view key) const {
    for (const json::Value* values : {&config_, &expected_.schema->defaults}) {
      const json::Value* value = values->find(key);
      if (value == nullptr) continue;
      const auto number = value->number();
      if (!number || !std::isfinite(*number)) return unsupported(key, json::dump(*value));
      return *number;
    }
    return unsupported(key, "not given");
  }

  Status read_numbers() {
    SW_TRY(made_.eps, number(family().eps));
    made_.score_factor = 1 / std::sqrt(static_cast<double>(made_.head));
    if (family().root_of_hidden)
      made_.embedding_factor = std::sqrt(static_cast<double>(made_.hidden));
    if (family().multipliers) {
      SW_TRY(made_.embedding_factor, number("embedding_multiplier"));
      SW_TRY(made_.residual_factor, number("residual_multiplier"));
      SW_TRY(made_.score_factor, number("attention_multiplier"));
    }
    if (is_latent() && made_.rotary.score_factor_all_dim != 0) {
      const double strength = yarn_strength(made_.rotary.factor, made_.rotary.score_factor_all_dim);
      made_.score_factor *= strength * strength;
    }
    if (config_.says("use_bidirectional_attention", true))
      return unsupported("use_bidirectional_attention", "true");
    made_.interleaved = family().interleaved;
    if (is_latent()) {
      const json::Value* value = config_.find("rope_interleave");
      made_.interleaved = value == nullptr || value->boolean() == nullptr || *value->boolean();
    }
    return read_activation();
  }

  Status read_activation() {
    std::string name(family().activation);
    for (const json::Value* values : {&config_, &expected_.schema->defaults}) {
      const json::Value* value = values->find("hidden_act");
      if (name.empty() && value != nullptr && value->string() != nullptr) name = *value->string();
    }
    // What Gemma's first configs meant by it.
    if (family().schema == "gemma" && name == "gelu") name = "gelu_pytorch_tanh";
    const auto known = activation_named(name);
    if (!known) return unsupported("hidden_act", quoted(name));
    made_.activation = *known;
    return ok();
  }

  // Which layers have a window, and which are convolutions.
  Status read_types() {
    const bool typed = family().windows == Windows::kByType ||
                       family().windows == Windows::kFromLayer ||
                       family().attention == Attention::kConvolution;
    if (typed) {
      SW_TRY(const json::Value types, query_.value("types"));
      if (types.array() != nullptr) {
        for (const json::Value& type : *types.array())
          types_.push_back(type.string() == nullptr ? json::dump(type) : *type.string());
      }
    }
    const bool needs_types =
        family().windows == Windows::kByType || family().attention == Attention::kConvolution;
    if (types_.size() < layers_ && (needs_types || !types_.empty()))
      return unsupported("layer_types", fmt::format("of {} layers", types_.size()));
    if (family().windows == Windows::kNone) return ok();
    if (family().windows == Windows::kFromLayer) {
      SW_TRY(const json::Value sliding, query_.value("sliding"));
      if (sliding.boolean() == nullptr || !*sliding.boolean()) return ok();
      if (types_.empty()) {
        SW_TRY(const double from, number("max_window_layers"));
        windows_from_ = from;
      }
    }
    const json::Value* value = config_.find("sliding_window");
    if (value == nullptr) value = expected_.schema->defaults.find("sliding_window");
    if (value == nullptr || value->is_null()) return ok();
    const auto window = value->whole_number();
    if (!window || *window < 1) return unsupported("sliding_window", json::dump(*value));
    window_ = static_cast<std::size_t>(*window);
    return ok();
  }

  [[nodiscard]] Result<bool> has_window(std::size_t layer) const {
    if (types_.empty()) {
      return family().windows == Windows::kAll ||
             (family().windows == Windows::kFromLayer && windows_from_ &&
              static_cast<double>(layer) >= *windows_from_);
    }
    const std::string& type = types_[layer];
    const bool slides = type == "sliding_attention" && family().windows != Windows::kNone;
    const bool convolves = type == "conv" && family().attention == Attention::kConvolution;
    if (slides || convolves || type == "full_attention") return slides;
    return unsupported("layer_types", quoted(type));
  }

  Result<LayerKind> kind_of(std::size_t layer) const {
    SW_TRY(const bool slides, has_window(layer));
    return LayerKind{
        .convolves = family().attention == Attention::kConvolution && types_[layer] == "conv",
        .rotates = family().full_rotates || slides,
        .window = slides ? window_ : 0};
  }

  const Expansion& expected_;
  const json::Value& config_;
  ConfigQuery query_;
  DecoderSettings settings_;
  Decoder& made_ = settings_.decoder;
  std::size_t layers_{};
  std::vector<std::string> types_;  // of layers, where the family has such
  std::optional<double> windows_from_;
  std::size_t window_{};
};

}  // namespace

Result<DecoderSettings> decoder_settings(const Expansion& expected, const json::Value& config) {
  return SettingsReader(expected, config).read();
}

}  // namespace shardwright
