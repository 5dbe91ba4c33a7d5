#include "moe/unlike.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

// The settings of the model, and for the rest those of an example.
Expansion as_a_mixture(const MixtureRule& rule, const Schema& mixture, const json::Value& config) {
  json::Value::Object members =
      mixture.example.object() == nullptr ? json::Value::Object{} : *mixture.example.object();
  if (const auto* own = config.object()) std::ranges::copy(*own, std::back_inserter(members));
  for (const MixtureSetting& setting : rule.set) {
    const json::Value* example = mixture.example.find(setting.key);
    if (setting.kind == MixtureSetting::Kind::kValue)
      members.push_back({setting.key, setting.value});
    else if (example != nullptr)
      members.push_back({setting.key, *example});
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
  const Expansion made = as_a_mixture(rule, mixture, config);
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
