// What a config says of rotary positions.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "forward/rotary.h"

namespace shardwright {
namespace {

class RotaryReader {
 public:
  RotaryReader(const json::Value& config, const json::Value& defaults, const RotaryHabits& habits)
      : config_(config), defaults_(defaults), habits_(habits) {
    for (const std::string_view key : {"rope_scaling", "rope_parameters"}) {
      const json::Value* value = config.find(key);
      if (value == nullptr || value->object() == nullptr || value->object()->empty()) continue;
      own_ = value;
      own_key_ = key;
      return;
    }
  }

  Result<Rotary> read(std::size_t head) {
    SW_TRY_OK(is_one_for_all());
    const std::string type = this->type();
    SW_TRY(const RotaryKind kind, kind_of(type));
    Rotary rotary{.kind = kind};
    SW_TRY(rotary.theta, above(1, "rope_theta", top("rope_theta")));
    SW_TRY(rotary.dims, rotated(head, kind));
    rotary.positions = top("max_position_embeddings").value_or(0);
    if (kind == RotaryKind::kDefault) return rotary;
    const bool is_alpha = kind == RotaryKind::kAlpha;
    rotary.score_factor_all_dim = number("mscale_all_dim").value_or(0);
    if (kind == RotaryKind::kDynamic || is_alpha) {
      SW_TRY(rotary.positions, above(0, "max_position_embeddings", rotary.positions));
      if (rotary.dims < 4) return refuse("head_dim", std::to_string(head));
    }
    if (kind == RotaryKind::kYarn || kind == RotaryKind::kLlama3) {
      auto original = config_number("original_max_position_embeddings");
      if (!original) original = number("original_max_position_embeddings");
      if (!original) original = rotary.positions;
      SW_TRY(rotary.original_positions, above(0, "original_max_position_embeddings", original));
    }
    const std::string_view key = is_alpha ? "alpha" : "factor";
    SW_TRY(rotary.factor, above(0, key, factor(key, kind, rotary)));
    if (kind == RotaryKind::kLlama3) SW_TRY_OK(read_llama3(rotary));
    if (kind == RotaryKind::kYarn) SW_TRY_OK(read_yarn(rotary));
    return rotary;
  }

 private:
  [[nodiscard]] std::string type() const {
    for (const std::string_view key : {"rope_type", "type"}) {
      const json::Value* value = own_ == nullptr ? nullptr : own_->find(key);
      if (value != nullptr && value->string() != nullptr) return *value->string();
    }
    return "default";
  }

  // Some classes have one for each kind of layer.
  [[nodiscard]] Status is_one_for_all() const {
    if (own_ == nullptr) return ok();
    for (const json::Member& member : *own_->object()) {
      if (member.value.object() != nullptr) return refuse(member.key, "an object");
    }
    return ok();
  }

  [[nodiscard]] Result<RotaryKind> kind_of(const std::string& type) const {
    if (type == "default") return RotaryKind::kDefault;
    if (type == "linear") return RotaryKind::kByFactor;
    if (type == "dynamic") {
      const bool has_alpha = habits_.alpha && number("alpha").value_or(0) != 0;
      return has_alpha ? RotaryKind::kAlpha : RotaryKind::kDynamic;
    }
    if (type == "llama3") return RotaryKind::kLlama3;
    if (type == "yarn") return RotaryKind::kYarn;
    const bool has_new_key = own_->find("rope_type") != nullptr;
    return refuse(has_new_key ? "rope_type" : "type", quoted(type));
  }

  Result<std::size_t> rotated(std::size_t head, RotaryKind kind) const {
    const double part = top("partial_rotary_factor").value_or(1);
    // Classes that know of no part pass over it, unless their positions are scaled.
    const bool counts = habits_.partial || kind != RotaryKind::kDefault;
    std::size_t dims = head;
    if (counts && part != 1) {
      if (!habits_.partial || !(part > 0 && part < 1))
        return refuse("partial_rotary_factor", fmt::format("{}", part));
      dims = static_cast<std::size_t>(static_cast<double>(head) * part);
    }
    if (dims < 2 || dims % 2 != 0) return refuse("head_dim", std::to_string(head));
    return dims;
  }

  // A null factor of yarn is by how much the positions are more than those of the training.
  [[nodiscard]] std::optional<double> factor(std::string_view key, RotaryKind kind,
                                             const Rotary& rotary) const {
    const json::Value* value = own_->find(key);
    if (kind == RotaryKind::kYarn && value != nullptr && value->is_null())
      return rotary.positions / rotary.original_positions;
    return number(key);
  }

  Status read_llama3(Rotary& rotary) const {
    SW_TRY(rotary.slow, above(0, "low_freq_factor", number("low_freq_factor")));
    SW_TRY(rotary.fast, above(0, "high_freq_factor", number("high_freq_factor")));
    if (rotary.fast != rotary.slow) return ok();
    return refuse("high_freq_factor", fmt::format("{}", rotary.fast));
  }

  Status read_yarn(Rotary& rotary) const {
    const auto or_else = [this](std::string_view key, double usual) {
      const double value = number(key).value_or(0);
      return value == 0 ? usual : value;
    };
    SW_TRY(rotary.fast, above(0, "beta_fast", or_else("beta_fast", 32)));
    SW_TRY(rotary.slow, above(0, "beta_slow", or_else("beta_slow", 1)));
    const json::Value* truncates = own_->find("truncate");
    rotary.truncates =
        truncates == nullptr || truncates->boolean() == nullptr || *truncates->boolean();
    const double scale = number("mscale").value_or(0);
    const double all = rotary.score_factor_all_dim;
    const double usual = scale != 0 && all != 0 ? yarn_strength(rotary.factor, scale) /
                                                      yarn_strength(rotary.factor, all)
                                                : yarn_strength(rotary.factor, 1);
    SW_TRY(rotary.attention_factor,
           above(0, "attention_factor", number("attention_factor").value_or(usual)));
    return ok();
  }

  [[nodiscard]] static std::optional<double> number_in(const json::Value* values,
                                                       std::string_view key) {
    const json::Value* value = values == nullptr ? nullptr : values->find(key);
    return value == nullptr ? std::nullopt : value->number();
  }
  [[nodiscard]] std::optional<double> number(std::string_view key) const {
    return number_in(own_, key);
  }
  [[nodiscard]] std::optional<double> config_number(std::string_view key) const {
    return number_in(&config_, key);
  }
  // Beside the other settings, at the top of the config, or left to the class.
  [[nodiscard]] std::optional<double> top(std::string_view key) const {
    if (const auto own = number(key)) return own;
    if (const auto value = config_number(key)) return value;
    return number_in(&defaults_, key);
  }

  [[nodiscard]] Result<double> above(double least, std::string_view key,
                                     std::optional<double> value) const {
    if (!value) return refuse(key, "not given");
    if (!std::isfinite(*value) || *value <= least) return refuse(key, fmt::format("{}", *value));
    return *value;
  }

  [[nodiscard]] Error refuse(std::string_view key, std::string_view value) const {
    const bool inside = own_ != nullptr && own_->find(key) != nullptr;
    return {ErrorCode::kUnsupported,
            fmt::format("a forward pass with {}{} {} is not supported",
                        inside ? fmt::format("{}.", own_key_) : "", key, value)};
  }

  const json::Value& config_;
  const json::Value& defaults_;
  const RotaryHabits& habits_;
  const json::Value* own_{};
  std::string_view own_key_{};
};

}  // namespace

Result<Rotary> rotary_of(const json::Value& config, const json::Value& defaults, std::size_t head,
                         const RotaryHabits& habits) {
  SW_TRY(Rotary rotary, RotaryReader(config, defaults, habits).read(head));
  const std::vector<float> frequencies = rotary_frequencies(rotary, 1);
  if (std::ranges::all_of(frequencies, [](float f) { return std::isfinite(f); })) return rotary;
  return Error{ErrorCode::kUnsupported, "its rotary positions have no finite frequencies"};
}

}  // namespace shardwright
