#include "check/rope_settings.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "base/utf8.h"
#include "check/wording.h"

namespace shardwright {
namespace {

struct RopeType {
  std::string_view name;
  std::string_view needs;  // keys; the last ones may be those that are lists
};

// transformers 5.23: ROPE_INIT_FUNCTIONS and validate_rope() of modeling_rope_utils.py. What it
// fills in itself, such as original_max_position_embeddings, is not needed here.
constexpr auto kRopeTypes = std::to_array<RopeType>({
    {"default", ""},
    {"dynamic", "factor"},
    {"linear", "factor"},
    {"llama3", "factor low_freq_factor high_freq_factor"},
    {"longrope", "short_factor long_factor"},
    {"proportional", ""},
    {"yarn", "factor"},
});

const RopeType* rope_type_of(std::string_view name) {
  const auto found = std::ranges::find(kRopeTypes, name, &RopeType::name);
  return found != kRopeTypes.end() ? &*found : nullptr;
}

class RopeReader {
 public:
  RopeReader(bool is_built, std::optional<std::uint64_t> rotated, std::vector<RefusedRope>& found)
      : built_(is_built), rotated_(rotated), found_(found) {}

  void read(const json::Value& settings, const std::string& path) {
    std::string_view key = "rope_type";
    const json::Value* type = settings.find(key);
    if (type == nullptr) type = settings.find(key = "type");
    if (type == nullptr) return;
    const RopeType* known = type->string() != nullptr ? rope_type_of(*type->string()) : nullptr;
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
      } else if (built_ && !is_usable(*value)) {
        found_.push_back({.pointer = pointer(path, needed),
                          .what = fmt::format("'{}.{}' is {}, and has to be a number", path, needed,
                                              printable(json::dump(*value), 60))});
      } else if (const auto wrong = wrong_list(*value)) {
        found_.push_back({.pointer = pointer(path, needed),
                          .what = fmt::format("'{}.{}' {}", path, needed, *wrong)});
      }
    }
    if (absent.empty()) return;
    found_.push_back({.pointer = pointer(path, key),
                      .what = fmt::format("'{}' has no {}, which the type {} needs", path,
                                          some_of(absent), quoted(known->name))});
  }

 private:
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

// The kinds of layers that the config names.
bool names_layer(const json::Value& config, std::string_view kind) {
  const json::Value* types = config.find("layer_types");
  return types != nullptr && types->array() != nullptr &&
         std::ranges::any_of(*types->array(), [&](const json::Value& one) {
           return one.string() != nullptr && *one.string() == kind;
         });
}

}  // namespace

std::vector<RefusedRope> refused_rope(const json::Value& config, const RopeClass& rope) {
  std::vector<RefusedRope> found;
  // The older key counts where both are there.
  std::string path = "rope_scaling";
  const json::Value* settings = config.find(path);
  if (settings == nullptr || settings->object() == nullptr || settings->object()->empty())
    settings = config.find(path = "rope_parameters");
  if (settings == nullptr || settings->object() == nullptr) return found;
  RopeReader reader(rope.is_built, rope.rotated, found);
  bool nested = false;
  for (const json::Member& member : *settings->object()) {
    if (member.value.object() == nullptr || !names_layer(config, member.key)) continue;
    nested = true;
    RopeReader(true, std::nullopt, found)
        .read(member.value, fmt::format("{}.{}", path, member.key));
  }
  if (!nested && rope.is_flat) reader.read(*settings, path);
  return found;
}

}  // namespace shardwright
