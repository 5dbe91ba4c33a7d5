#include "moe/unlike.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "arch/query.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

using Names = std::set<std::string, std::less<>>;

constexpr std::string_view kFirstLayer = ".0.";
constexpr std::size_t kNamed = 3;

// Of the first layer, without what stands before its number.
Names names_in_first_layer(const Expansion& expansion, const auto& counts) {
  Names names;
  for (const ExpectedTensor& tensor : expansion.tensors) {
    const std::size_t at = tensor.name.find(kFirstLayer);
    if (tensor.layer != 0 || tensor.optional || at == std::string_view::npos || !counts(tensor))
      continue;
    names.emplace(tensor.name.substr(at + kFirstLayer.size()));
  }
  return names;
}

bool is_made(const MixtureRule& rule, std::string_view name) {
  std::vector<std::uint64_t> letters(rule.letters.size());
  const auto fits = [&](const NumberedName& target) { return target.match(name, letters); };
  return std::ranges::any_of(rule.tensors, fits, &MixtureTensor::target) ||
         std::ranges::any_of(rule.zeros, fits);
}

// What the mixture's config would say, where the model's can tell.
std::optional<json::Value> value_of(const MixtureSetting& setting, const ConfigQuery& query,
                                    std::uint64_t layers) {
  using Kind = MixtureSetting::Kind;
  if (setting.kind == Kind::kValue) return setting.value;
  if (setting.kind != Kind::kExpression && setting.kind != Kind::kEachLayer) return std::nullopt;
  auto value = query.value(setting.expression);
  if (!value) return std::nullopt;
  if (setting.kind == Kind::kExpression) return *std::move(value);
  return json::Value{json::Value::Array(layers, *value)};
}

// The settings of the model, and for the rest those of an example.
Expansion as_a_mixture(const MixtureRule& rule, const Schema& mixture, const Expansion& dense,
                       const json::Value& config) {
  const auto* example = mixture.example.object();
  json::Value::Object members = example == nullptr ? json::Value::Object{} : *example;
  if (const auto* own = config.object()) std::ranges::copy(*own, std::back_inserter(members));
  const std::array<QueryName, 3> counts = {{{"experts", 4}, {"shared", 1}, {"per_token", 2}}};
  const ConfigQuery query(*dense.schema, config, dense.class_name, counts);
  for (const MixtureSetting& setting : rule.set) {
    if (auto value = value_of(setting, query, dense.layers.value_or(0)))
      members.push_back({setting.key, *std::move(value)});
    else if (const json::Value* usual = mixture.example.find(setting.key))
      members.push_back({setting.key, *usual});
  }
  const std::string& class_name = mixture.classes.front().name;
  auto expanded = expand(mixture, json::Value{std::move(members)}, {.class_name = class_name});
  if (expanded && expanded->usable) return *std::move(expanded);
  expanded = expand(mixture, mixture.example, {.class_name = class_name});
  return expanded ? *std::move(expanded) : Expansion{};
}

std::string some_of(const std::vector<std::string_view>& names) {
  std::vector<std::string> quotes;
  for (const std::string_view name : names) {
    if (quotes.size() == kNamed) break;
    quotes.push_back(quoted(name));
  }
  const std::string rest =
      names.size() > kNamed ? fmt::format(" and {} more", names.size() - kNamed) : "";
  return fmt::format("{}{}", fmt::join(quotes, ", "), rest);
}

std::vector<std::string_view> without(const Names& names, const Names& others) {
  std::vector<std::string_view> left;
  std::ranges::set_difference(names, others, std::back_inserter(left));
  return left;
}

}  // namespace

std::string unlike(const MixtureRule& rule, const Schema& mixture, const Expansion& dense,
                   const json::Value& config) {
  const auto is_router = [](const ExpectedTensor& tensor) { return tensor.role == Role::kRouter; };
  if (std::ranges::any_of(dense.tensors, is_router)) return "it has experts already";
  const Expansion made = as_a_mixture(rule, mixture, dense, config);
  Names needed = names_in_first_layer(made, [&](const ExpectedTensor& tensor) {
    return tensor.role != Role::kRouter && tensor.role != Role::kSharedGate &&
           !is_made(rule, tensor.name);
  });
  const std::vector<std::uint64_t> zeros(rule.letters.size());
  for (const MixtureTensor& tensor : rule.tensors) {
    for (const NumberedName& of : tensor.of) {
      const std::string name = of.fill(zeros);
      needed.insert(name.substr(name.find(kFirstLayer) + kFirstLayer.size()));
    }
  }
  const Names there = names_in_first_layer(dense, [](const ExpectedTensor&) { return true; });
  const auto surplus = without(there, needed);
  auto lacking = without(needed, there);
  std::erase_if(lacking, [](std::string_view name) { return name.ends_with(".bias"); });
  std::string text;
  if (!surplus.empty())
    text = fmt::format("its layers have {} that {} has no place for", some_of(surplus), rule.name);
  if (!lacking.empty())
    text += fmt::format("{} {}", text.empty() ? "its layers lack" : ", and lack", some_of(lacking));
  if (!text.empty()) return text;
  const auto told = rule.unlike.find(dense.schema->name);
  return told == rule.unlike.end() ? "" : told->second;
}

}  // namespace shardwright
