#include "check/other_config.h"

#include <algorithm>
#include <utility>

#include "arch/query.h"
#include "base/text.h"
#include "check/later_layers.h"

namespace shardwright {
namespace {

bool set_path(json::Value& root, std::string_view dotted, json::Value value) {
  json::Value* at = &root;
  for (const std::string_view key : split(dotted, '.')) {
    auto* members = std::get_if<json::Value::Object>(&at->data);
    if (members == nullptr) return false;
    auto member = std::ranges::find(members->rbegin(), members->rend(), key, &json::Member::key);
    if (member == members->rend()) {
      members->push_back({std::string(key), json::Value{json::Value::Object{}}});
      member = members->rbegin();
    }
    at = &member->value;
  }
  *at = std::move(value);
  return true;
}

}  // namespace

std::optional<Expansion> expand_with(const Expansion& expected, const json::Value& config,
                                     std::string_view key, json::Value value,
                                     MoreContradictions allowed) {
  const auto changed = with_value(config, key, std::move(value));
  return changed ? expand_config(expected, *changed, allowed) : std::nullopt;
}

std::optional<json::Value> with_value(const json::Value& config, std::string_view key,
                                      json::Value value) {
  json::Value changed = config;
  if (!set_path(changed, key, std::move(value))) return std::nullopt;
  return changed;
}

std::optional<Expansion> expand_config(const Expansion& expected, const json::Value& config,
                                       MoreContradictions allowed) {
  auto other = expand(*expected.schema, config,
                      {.class_name = expected.class_name, .layout = expected.layout});
  if (!other || !other->usable) return std::nullopt;
  const bool contradicts_more = other->problems.size() > expected.problems.size();
  if (contradicts_more && allowed == MoreContradictions::kNone) return std::nullopt;
  return std::move(*other);
}

std::string dotted_key(std::string_view pointer) {
  std::string key(pointer.empty() ? pointer : pointer.substr(1));
  std::ranges::replace(key, '/', '.');
  return key;
}

std::string layers_key(const Expansion& expected) {
  return dotted_key(expected.layers_pointer);
}

namespace {

bool is_as_asked(const LaterLayers& later, const Expansion& expansion, const Tensor& tensor) {
  if (is_surplus(later, expansion, tensor.name)) return false;
  const ExpectedTensor* wanted = expansion.find(tensor.name);
  return wanted != nullptr ? same_shape(wanted->shape, tensor.shape)
                           : expansion.is_ignored(tensor.name);
}

bool is_missing(const Checkpoint& checkpoint, const ExpectedTensor& wanted) {
  return !wanted.optional && checkpoint.find(wanted.name) == nullptr;
}

}  // namespace

bool fits(const Checkpoint& checkpoint, const Expansion& expansion) {
  const LaterLayers later = later_layers(checkpoint, expansion);
  return std::ranges::all_of(
             checkpoint.tensors,
             [&](const Tensor& tensor) { return is_as_asked(later, expansion, tensor); }) &&
         std::ranges::none_of(expansion.tensors, [&](const ExpectedTensor& wanted) {
           return is_missing(checkpoint, wanted);
         });
}

std::size_t count_differences(const Checkpoint& checkpoint, const Expansion& expansion) {
  const LaterLayers later = later_layers(checkpoint, expansion);
  const auto differs = [&](const Tensor& tensor) { return !is_as_asked(later, expansion, tensor); };
  const auto lacks = [&](const ExpectedTensor& wanted) { return is_missing(checkpoint, wanted); };
  return static_cast<std::size_t>(std::ranges::count_if(checkpoint.tensors, differs) +
                                  std::ranges::count_if(expansion.tensors, lacks));
}

std::vector<std::string> resolved_by(const Expansion& other, const Expansion& expected) {
  std::vector<std::string> messages;
  for (const ConfigProblem& problem : expected.problems) {
    const auto same = std::ranges::find(other.problems, problem.message, &ConfigProblem::message);
    if (same == other.problems.end()) messages.push_back(problem.message);
  }
  return messages;
}

std::size_t most_tries(const Expansion& expected) {
  constexpr std::size_t kMostWork = 10'000'000;
  constexpr std::size_t kMostTries = 1000;
  return std::min(kMostTries, kMostWork / std::max<std::size_t>(expected.tensors.size(), 1));
}

ImpliedValue implied_value(const json::Value& config, std::string key, const json::Value& stated,
                           const json::Value& implied) {
  ImpliedValue value{.stated = json::dump(stated), .implied = json::dump(implied)};
  value.is_absent = config.find_path(key) == nullptr;
  for (const std::string_view step : split(key, '.'))
    value.pointer.append("/").append(json::pointer_step(step));
  value.key = std::move(key);
  return value;
}

std::string spelling_in(const json::Value& config, const Schema& schema, std::string_view key) {
  const std::vector<std::string> spellings = spellings_of(schema, key);
  const auto held = std::ranges::find_if(spellings, [&](const std::string& spelling) {
    return config.find_path(spelling) != nullptr;
  });
  return held != spellings.end() ? *held : spellings.back();
}

}  // namespace shardwright
