// Detection by what the config says; by the tensors' names only where it says nothing. A config
// with a type that no rule knows is left alone: names of new models often look like Llama's.
#include "arch/detect.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "arch/name_fit.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

std::string_view text_of(const json::Value* value) {
  return value != nullptr && value->string() != nullptr ? std::string_view(*value->string())
                                                        : std::string_view();
}

void read_config(const json::Value& config, Detection& detection) {
  detection.model_type = text_of(config.find("model_type"));
  const json::Value* classes = config.find("architectures");
  if (classes != nullptr && classes->array() != nullptr && !classes->array()->empty()) {
    detection.class_name = text_of(&classes->array()->front());
  }
}

bool found(Detection& detection, const Schema* schema, DetectedBy by, std::string why) {
  if (schema == nullptr) return false;
  detection.schema = schema;
  detection.by = by;
  detection.why = std::move(why);
  return true;
}

std::string_view reason(const Schema& schema, std::string_view alias) {
  const auto entry = std::ranges::find(schema.aliases, alias, &SchemaAlias::name);
  return entry != schema.aliases.end() ? std::string_view(entry->why) : std::string_view();
}

void by_request(const Catalogue& catalogue, std::string_view requested, Detection& detection) {
  const Schema* schema = catalogue.find(requested);
  if (schema == nullptr) schema = catalogue.by_model_type(requested);
  if (schema == nullptr) schema = catalogue.by_alias(requested);
  detection.by = DetectedBy::kRequest;
  detection.schema = schema;
  detection.why = fmt::format("{} as asked for", quoted(requested));
}

// Whether `auto_map` names the class of the weights, and no rule knows it: what such code adds to a
// known architecture (the head of a reward model, other layers) is nobody's to guess.
bool brings_own_class(const Catalogue& catalogue, const json::Value* config,
                      std::string_view class_name) {
  const json::Value* map = config != nullptr ? config->find("auto_map") : nullptr;
  if (class_name.empty() || map == nullptr || map->object() == nullptr) return false;
  if (catalogue.by_class(class_name) != nullptr || catalogue.by_alias(class_name) != nullptr)
    return false;
  return std::ranges::any_of(*map->object(), [&](const json::Member& member) {
    const std::string_view code = text_of(&member.value);
    const std::size_t dot = code.rfind('.');
    return dot != std::string_view::npos && code.substr(dot + 1) == class_name;
  });
}

// Of the class that the config names, where it is none of the rule's own.
std::string rule_of_class(const Catalogue& catalogue, const Detection& detection) {
  const auto& own = detection.schema->classes;
  if (std::ranges::find(own, detection.class_name, &SchemaClass::name) != own.end()) return "";
  const Schema* other = catalogue.by_class(detection.class_name);
  return other != nullptr && other != detection.schema ? other->name : "";
}

// ", which fit 'llama', 'mistral' and 3 others as well"
std::string fitting_as_well(const std::vector<std::string_view>& names) {
  constexpr std::size_t kMost = 3;
  if (names.empty()) return "";
  const std::size_t shown = std::min(kMost, names.size());
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    const bool is_last = i + 1 == names.size();
    text += fmt::format("{}'{}'", i == 0 ? "" : is_last ? " and " : ", ", names[i]);
  }
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return fmt::format(", which fit {} as well", text);
}

void by_names(const Catalogue& catalogue, std::span<const std::string_view> names,
              Detection& detection) {
  const FoldedNames present = fold_names(names);
  std::vector<std::pair<NameFit, const Schema*>> fits;
  for (const std::string_view name : catalogue.names()) {
    const Schema* schema = catalogue.find(name);
    if (const auto fit = fit_names(*schema, present)) fits.emplace_back(*fit, schema);
  }
  if (fits.empty()) return;
  // Of equals the shortest name: variants of a family have its name and more.
  std::ranges::stable_sort(fits, {}, [](const auto& fit) { return fit.second->name.size(); });
  const auto best = std::ranges::min_element(fits, {}, [](const auto& fit) { return fit.first; });
  // What a rule may have beside says little: others explain the names as well.
  std::vector<std::string_view> as_well;
  for (const auto& [fit, schema] : fits) {
    const NameFit& most = best->first;
    if (schema != best->second && fit.unexplained == most.unexplained &&
        fit.missing == most.missing && fit.unlikely_head == most.unlikely_head) {
      as_well.push_back(schema->name);
    }
  }
  detection.is_one_of_several = !as_well.empty();
  found(detection, best->second, DetectedBy::kNames, "names of tensors" + fitting_as_well(as_well));
}

}  // namespace

Detection detect(const Catalogue& catalogue, const json::Value* config,
                 std::span<const std::string_view> names, std::string_view requested) {
  Detection detection;
  if (config != nullptr) read_config(*config, detection);
  if (!requested.empty()) {
    by_request(catalogue, requested, detection);
    return detection;
  }
  const std::string& type = detection.model_type;
  if (brings_own_class(catalogue, config, detection.class_name)) {
    detection.by = DetectedBy::kOwnCode;
    return detection;
  }
  const std::string& class_name = detection.class_name;
  if (found(detection, catalogue.by_model_type(type), DetectedBy::kModelType, "model_type")) {
    detection.class_rule = rule_of_class(catalogue, detection);
    return detection;
  }
  if (const Schema* schema = catalogue.by_alias(type)) {
    found(detection, schema, DetectedBy::kAlias,
          fmt::format("model_type {}: {}", quoted(type), reason(*schema, type)));
    return detection;
  }
  if (found(detection, catalogue.by_class(class_name), DetectedBy::kClass,
            fmt::format("class {}", quoted(class_name)))) {
    return detection;
  }
  if (const Schema* schema = catalogue.by_alias(class_name)) {
    found(detection, schema, DetectedBy::kClass,
          fmt::format("class {}: {}", quoted(class_name), reason(*schema, class_name)));
    return detection;
  }
  if (type.empty() && class_name.empty()) by_names(catalogue, names, detection);
  return detection;
}

}  // namespace shardwright
