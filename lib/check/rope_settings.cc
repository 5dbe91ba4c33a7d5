#include "check/rope_settings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "base/utf8.h"
#include "check/config_types.h"
#include "check/wording.h"

namespace shardwright {
namespace {

struct RopeType {
  std::string_view name;
  std::string_view needs;  // keys; the last ones may be those that are lists
  std::string_view takes;  // more numbers, which it computes with where they are there
};

// transformers 5.23: ROPE_INIT_FUNCTIONS and validate_rope() of modeling_rope_utils.py. What it
// fills in itself, such as original_max_position_embeddings, is not needed here.
constexpr auto kRopeTypes = std::to_array<RopeType>({
    {"default", "", ""},
    {"dynamic", "factor", ""},
    {"linear", "factor", ""},
    {"llama3", "factor low_freq_factor high_freq_factor", "original_max_position_embeddings"},
    {"longrope", "short_factor long_factor",
     "original_max_position_embeddings factor attention_factor"},
    {"proportional", "", ""},
    {"yarn", "factor", "original_max_position_embeddings beta_fast beta_slow attention_factor"},
});

constexpr std::string_view kTheta = "rope_theta";
constexpr std::string_view kPart = "partial_rotary_factor";
constexpr std::string_view kLength = "original_max_position_embeddings";

// transformers 5.23 puts the length there itself for these.
constexpr std::string_view kWithLength = "llama3 longrope yarn";

// The newer key counts where both are there.
std::string_view type_key(const json::Value& settings) {
  return settings.find("rope_type") != nullptr ? "rope_type" : "type";
}

// Empty where it is absent or no text.
std::string_view type_name(const json::Value& settings) {
  const json::Value* type = settings.find(type_key(settings));
  const std::string* name = type != nullptr ? type->string() : nullptr;
  return name != nullptr ? std::string_view(*name) : std::string_view();
}

const RopeType* rope_type_of(std::string_view name) {
  const auto found = std::ranges::find(kRopeTypes, name, &RopeType::name);
  return found != kRopeTypes.end() ? &*found : nullptr;
}

class RopeReader {
 public:
  RopeReader(bool is_built, std::optional<std::uint64_t> rotated, std::vector<RefusedRope>& found)
      : built_(is_built), rotated_(rotated), found_(found) {}

  // The base of the frequencies, which stands under `path`, or in the config itself.
  void read_theta(const json::Value& theta, std::string_view path, std::string_view key = kTheta) {
    const std::string name = path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
    RefusedRope found{.pointer = path.empty() ? fmt::format("/{}", key) : pointer(path, key)};
    if (const auto number = theta.number()) {
      if (*number > 0 && std::isfinite(*number)) return;
      found.effect = ValueEffect::kSpoilt;
      found.what = fmt::format("'{}' is {}, and the base of rotary positions is a number above 0",
                               name, printable(json::dump(theta), 60));
    } else if (theta.boolean() != nullptr) {
      return;  // Python computes with 1 and 0
    } else {
      found.what =
          fmt::format("'{}' is {}, and has to be a number", name, printable(json::dump(theta), 60));
    }
    found_.push_back(std::move(found));
  }

  // Numbers that the class asks for besides.
  void read_own(const json::Value& settings, std::string_view path, std::string_view keys) {
    const bool has_length = is_of_models(kWithLength, type_name(settings));
    for (const std::string_view key : split(keys, ' ')) {
      const json::Value* value = key.empty() ? nullptr : settings.find(key);
      if (key.empty() || (key == kLength && (has_length || value != nullptr)) ||
          (value != nullptr && value->number()))
        continue;
      found_.push_back(
          {.pointer = pointer(path, key),
           .what = fmt::format("'{}' has no number '{}', which the class computes with", path, key),
           .effect = ValueEffect::kStops});
    }
  }

  // Where a class rotates heads whole: the default type does not look at it, and all others do.
  void read_part_of_whole(const json::Value& settings, std::string_view path) {
    const json::Value* part = settings.find(kPart);
    const std::string_view name = type_name(settings);
    if (part == nullptr || rope_type_of(name) == nullptr || name == "default" ||
        name == "proportional" || part->number().value_or(1) == 1)
      return;
    refuse_number(path, kPart, *part, "1 or absent in a class that rotates heads whole",
                  ValueEffect::kStops);
  }

  // How much of a head is rotated, where a class asks.
  void read_part(const json::Value& settings, std::string_view path) {
    const json::Value* part = settings.find(kPart);
    if (part == nullptr || part->boolean() != nullptr) return;
    const auto number = part->number();
    if (number && *number > 0 && *number <= 1) return;
    refuse_number(path, kPart, *part, "a number above 0, and at most 1",
                  !number || *number < 0 ? ValueEffect::kRefused
                  : *number > 1          ? ValueEffect::kStops
                                         : ValueEffect::kSpoilt);
  }

  void read(const json::Value& settings, const std::string& path,
            std::string_view as_longrope = {}) {
    const std::string_view key = type_key(settings);
    const json::Value* type = settings.find(key);
    if (type == nullptr) return;
    const std::string_view name = type_name(settings);
    const bool is_longrope = !name.empty() && is_of_models(as_longrope, name);
    const RopeType* known = rope_type_of(is_longrope ? "longrope" : name);
    if (known == nullptr) {
      if (!built_) return;
      found_.push_back({.pointer = pointer(path, key),
                        .what = fmt::format("'{}.{}' is {}, and there are no rotary positions of "
                                            "that type: transformers knows {}",
                                            path, key, printable(json::dump(*type), 60), all())});
      return;
    }
    std::vector<std::string> absent;
    for (const std::string_view needed : split(known->needs, ' ')) {
      if (needed.empty()) continue;
      const json::Value* value = settings.find(needed);
      if (value == nullptr) {
        absent.emplace_back(needed);
      } else if (built_ && needed.ends_with("_freq_factor") && value->number() == 0) {
        refuse_number(path, needed, *value, "a number other than 0");
      } else if (built_ && needed == "factor" && value->number() && !(*value->number() > 0) &&
                 std::isfinite(*value->number())) {
        refuse_number(path, needed, *value, "a number above 0", ValueEffect::kSpoilt);
      } else if (known->name == "yarn" && value->is_null()) {
        continue;  // it is by how much the positions are more than those of the training
      } else if (built_ && !is_usable(*value)) {
        refuse_number(path, needed, *value, "a number");
      } else if (built_ && !is_finite(*value)) {
        refuse_number(path, needed, *value, "a finite number", ValueEffect::kSpoilt);
      } else if (const auto wrong = wrong_list(*value)) {
        found_.push_back({.pointer = pointer(path, needed),
                          .what = fmt::format("'{}.{}' {}", path, needed, *wrong)});
      }
    }
    if (built_) read_more(settings, path, *known);
    if (built_ && known->name == "proportional") read_part(settings, path);
    if (absent.empty()) return;
    found_.push_back({.pointer = pointer(path, key),
                      .what = fmt::format("'{}' has no {}, which the type {} needs", path,
                                          some_of(absent), quoted(known->name))});
  }

 private:
  void refuse_number(std::string_view path, std::string_view key, const json::Value& value,
                     std::string_view wanted, ValueEffect effect = ValueEffect::kRefused) {
    found_.push_back({.pointer = pointer(path, key),
                      .what = fmt::format("'{}.{}' is {}, and has to be {}", path, key,
                                          printable(json::dump(value), 60), wanted),
                      .effect = effect});
  }

  // Those that have a value of their own where they are absent or, but for the length, null.
  void read_more(const json::Value& settings, const std::string& path, const RopeType& type) {
    for (const std::string_view key : split(type.takes, ' ')) {
      const json::Value* value = key.empty() ? nullptr : settings.find(key);
      if (value == nullptr || value->boolean() != nullptr) continue;
      const auto number = value->number();
      if (key == kLength) {
        if (!number || !(*number > 0)) {
          // Only yarn makes a whole number of it, and llama3 does not divide by it.
          const bool loads =
              number && (type.name == "llama3" || (std::isnan(*number) && type.name != "yarn"));
          refuse_number(path, key, *value, "a number above 0",
                        loads ? ValueEffect::kSpoilt : ValueEffect::kRefused);
        }
      } else if (!value->is_null() && !number) {
        refuse_number(path, key, *value, "a number or null");
      } else if (number && *number < 0 && key.starts_with("beta_")) {
        refuse_number(path, key, *value, "a number above 0, or null");
      } else if (number && !std::isfinite(*number)) {
        refuse_number(path, key, *value, "a finite number or null",
                      key.starts_with("beta_") ? ValueEffect::kRefused : ValueEffect::kSpoilt);
      }
    }
  }

  static bool is_finite(const json::Value& value) {
    return !value.number() || std::isfinite(*value.number());
  }

  static std::string pointer(std::string_view path, std::string_view key) {
    std::string text;
    for (const std::string_view step : split(path, '.'))
      text += "/" + json::pointer_step(step);
    return fmt::format("{}/{}", text, key);
  }

  static std::string all() {
    std::vector<std::string_view> names;
    for (const RopeType& type : kRopeTypes)
      names.push_back(type.name);
    return fmt::format("{}", fmt::join(names, ", "));
  }

  // Lists are those of longrope.
  static bool is_usable(const json::Value& value) {
    return value.number().has_value() || value.array() != nullptr;
  }

  // Of a list of longrope, one number for each frequency. A single one is computed with, as all.
  [[nodiscard]] std::optional<std::string> wrong_list(const json::Value& value) const {
    const auto* list = value.array();
    if (list == nullptr) return std::nullopt;
    const auto odd = std::ranges::find_if(
        *list, [](const json::Value& one) { return !one.number().has_value(); });
    if (odd != list->end())
      return fmt::format("holds {}, and has to hold numbers", printable(json::dump(*odd), 60));
    if (!rotated_ || list->size() == 1 || list->size() == *rotated_ / 2) return std::nullopt;
    return fmt::format("has {} numbers, and heads of which {} are rotated need {}", list->size(),
                       *rotated_, *rotated_ / 2);
  }

  bool built_;
  std::optional<std::uint64_t> rotated_;
  std::vector<RefusedRope>& found_;
};

const json::Value::Object kNoMembers;

}  // namespace

bool names_layer(const json::Value& config, std::string_view kind) {
  const json::Value* types = config.find("layer_types");
  return types != nullptr && types->array() != nullptr &&
         std::ranges::any_of(*types->array(), [&](const json::Value& one) {
           return one.string() != nullptr && *one.string() == kind;
         });
}

std::vector<RefusedRope> refused_rope(const json::Value& config, const RopeClass& rope) {
  std::vector<RefusedRope> found;
  // The older key counts where both are there.
  std::string path = "rope_scaling";
  const json::Value* settings = config.find(path);
  if (settings == nullptr || settings->object() == nullptr || settings->object()->empty())
    settings = config.find(path = "rope_parameters");
  if (settings != nullptr && settings->object() == nullptr) settings = nullptr;
  RopeReader reader(rope.is_built, rope.rotated, found);
  bool nested = false;
  for (const json::Member& member : settings != nullptr ? *settings->object() : kNoMembers) {
    if (member.value.object() == nullptr || !names_layer(config, member.key)) continue;
    nested = true;
    RopeReader layers(true, std::nullopt, found);
    const std::string inside = fmt::format("{}.{}", path, member.key);
    layers.read(member.value, inside);
    if (rope.has_part) layers.read_part(member.value, inside);
    if (const json::Value* theta = member.value.find(kTheta)) layers.read_theta(*theta, inside);
  }
  if (nested || !rope.is_flat) return found;
  if (settings != nullptr) {
    reader.read(*settings, path, rope.as_longrope);
    if (rope.has_part) {
      reader.read_part(*settings, path);
    } else if (rope.is_built && rope.rotated) {
      reader.read_part_of_whole(*settings, path);
    }
    reader.read_own(*settings, path, rope.reads);
  }
  if (!rope.has_theta) return found;
  // What stands among the settings counts where both are there.
  if (const json::Value* theta = settings == nullptr ? nullptr : settings->find(kTheta)) {
    reader.read_theta(*theta, path);
  } else if (const json::Value* top = config.find(rope.theta)) {
    reader.read_theta(*top, "", rope.theta);
  }
  return found;
}

}  // namespace shardwright
