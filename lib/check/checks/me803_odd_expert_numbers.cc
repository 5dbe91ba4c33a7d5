// ME803: experts of a layer are missing, too many, or not numbered from 0.
// docs/checks/ME803-odd-expert-numbers.md
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/expert_names.h"
#include "check/fixes.h"
#include "check/name_numbers.h"
#include "check/report_each.h"
#include "check/wording.h"

namespace shardwright {
namespace {

enum class Oddity : std::uint8_t { kAbsent, kSurplus, kNumbered, kBoth };

Oddity oddity_of(const ExpertNumbers& numbers) {
  if (numbers.surplus.empty()) return Oddity::kAbsent;
  if (numbers.absent.empty()) return Oddity::kSurplus;
  return numbers.absent.size() == numbers.surplus.size() ? Oddity::kNumbered : Oddity::kBoth;
}

// "expert 3 is missing, experts 4 and 5 are too many"
std::string numbers_text(Oddity oddity, const ExpertNumbers& numbers) {
  if (oddity == Oddity::kNumbered)
    return fmt::format("the experts are numbered {}", number_runs(numbers.stored));
  std::string text;
  const auto add = [&](const std::vector<std::int32_t>& experts, std::string_view what) {
    if (experts.empty()) return;
    const bool one = experts.size() == 1;
    text += fmt::format("{}expert{} {} {} {}", text.empty() ? "" : ", ", one ? "" : "s",
                        number_runs(experts), one ? "is" : "are", what);
  };
  add(numbers.absent, "missing");
  add(numbers.surplus, "too many");
  return text;
}

// What of a name counts the expert.
std::optional<NameNumber> expert_number(const Expansion& expected, std::string_view name) {
  const std::vector<NameNumber> numbers = numbers_of(name);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const ExpectedTensor* sibling = expected.find(with_number(name, numbers[i], 0));
    if (sibling != nullptr && sibling->expert == 0 && (sibling->layer < 0 || i > 0))
      return numbers[i];
  }
  return std::nullopt;
}

// Numbers the experts of these layers anew, in their order; none where not each of them has all
// its tensors in the right shapes.
std::vector<Edit> renumbering(const Model& model, const std::vector<const ExpertNumbers*>& all) {
  std::map<std::int32_t, const ExpertNumbers*> layers;
  std::size_t due = 0;
  for (const ExpertNumbers* numbers : all) {
    layers[numbers->layer] = numbers;
    due += numbers->missing.size();
  }
  // A part of an expert that is missing beside them.
  for (const ExpectedTensor* wanted : model.join.missing) {
    if (wanted->expert >= 0 && layers.contains(wanted->layer)) return {};
  }
  std::vector<Edit> edits;
  std::size_t surplus = 0;
  for (const Tensor& tensor : model.checkpoint.tensors) {
    const auto number = expert_number(*model.expected, tensor.name);
    if (!number) continue;
    const auto layer =
        layers.find(model.expected->find(with_number(tensor.name, *number, 0))->layer);
    if (layer == layers.end()) continue;
    const auto& stored = layer->second->stored;
    const auto at = std::ranges::lower_bound(stored, number->value) - stored.begin();
    if (model.expected_of(tensor) == nullptr) ++surplus;
    if (at == number->value) continue;
    std::string name = with_number(tensor.name, *number, at);
    const ExpectedTensor* wanted = model.expected->find(name);
    if (wanted == nullptr || !same_shape(wanted->shape, tensor.shape)) return {};
    edits.emplace_back(edit::RenameTensor{model.checkpoint.shards[tensor.shard].file,
                                          std::string(tensor.name), std::move(name)});
  }
  return surplus == due ? edits : std::vector<Edit>();
}

Fix numbers_fix(const Model& model, Oddity oddity, const std::vector<const ExpertNumbers*>& all) {
  if (oddity == Oddity::kNumbered) {
    if (auto edits = renumbering(model, all); !edits.empty()) {
      return unsafe_fix(
          "number the experts from 0, in their order: nothing proves that the rows of the router "
          "stand in it",
          std::move(edits));
    }
  }
  if (oddity == Oddity::kSurplus) {
    return no_fix(
        "nobody can tell which experts are too many: compare it with the model that the weights "
        "come from");
  }
  return no_fix(
      "the values of the experts are nowhere in the checkpoint: copy them from the model that this "
      "one was made from, or write the checkpoint again");
}

void against_rule(const Model& model, const Reporter& report) {
  std::map<Oddity, std::vector<const ExpertNumbers*>> found;
  for (const ExpertNumbers& numbers : model.join.expert_numbers)
    found[oddity_of(numbers)].push_back(&numbers);
  for (const auto& [oddity, all] : found) {
    std::vector<std::pair<std::int32_t, std::string>> said;
    for (const ExpertNumbers* numbers : all)
      said.emplace_back(numbers->layer, numbers_text(oddity, *numbers));
    const std::uint64_t experts = model.expected->experts.value_or(0);
    Report finding{
        .message =
            oddity == Oddity::kNumbered
                ? fmt::format(
                      "{}, and the {} of the config from 0 on: transformers 5 takes them in "
                      "that order; version 4 fills those of other numbers with random "
                      "values",
                      by_layers(said), experts)
                : fmt::format("{}, and the config counts {}: transformers refuses to load it (size "
                              "mismatch)",
                              by_layers(said), experts),
        .fix = numbers_fix(model, oddity, all),
        .group = fmt::format("{}", static_cast<int>(oddity))};
    std::vector<const Tensor*> stored;
    for (const ExpertNumbers* numbers : all) {
      for (const ExpectedTensor* wanted : numbers->missing)
        finding.places.emplace_back(wanted->name);
      stored.insert(stored.end(), numbers->unexpected.begin(), numbers->unexpected.end());
    }
    if (!finding.places.empty()) {
      finding.tensor = finding.places.front();
      report(finding);
      finding.places.clear();
      if (finding.fix) finding.fix->edits.clear();
    }
    report_each(model, report, std::move(finding), stored);
  }
}

// By names alone: a layer that lacks what most others have was probably meant to have it.
void among_layers(const Model& model, const NamedLayers& layers, const Reporter& report) {
  std::vector<const NamedExperts*> odd;
  std::map<std::size_t, std::size_t> counts;
  for (const NamedExperts& layer : layers) {
    if (!layer.is_whole()) odd.push_back(&layer);
    ++counts[layer.experts.size()];
  }
  const bool most_are_whole = layers.size() > 2 * odd.size();
  for (const NamedExperts* layer : odd) {
    std::vector<std::int32_t> stored;
    for (const auto& [number, tensors] : layer->experts)
      stored.push_back(number);
    const Tensor& first = *layer->experts.begin()->second.begin()->second;
    report({.file = model.checkpoint.shards[first.shard].file,
            .tensor = std::string(first.name),
            .message = fmt::format(
                "under {} stand the experts {}, which are not all from 0 on{}",
                quoted(layer->under), number_runs(stored),
                most_are_whole ? fmt::format(", as they are in {}",
                                             counted(layers.size() - odd.size(), "other layer"))
                               : ""),
            .severity = most_are_whole ? Severity::kWarning : Severity::kInfo,
            .fix = no_fix("compare it with the model that this one was made from"),
            .group = "named"});
  }
  if (!odd.empty() || counts.size() < 2) return;
  const auto usual = std::ranges::max_element(counts, {}, [](const auto& c) { return c.second; });
  for (const NamedExperts& layer : layers) {
    if (layer.experts.size() == usual->first) continue;
    const Tensor& first = *layer.experts.begin()->second.begin()->second;
    report({.file = model.checkpoint.shards[first.shard].file,
            .tensor = std::string(first.name),
            .message =
                fmt::format("under {} stand {}, and {} others hold {}", quoted(layer.under),
                            counted(layer.experts.size(), "expert"), usual->second, usual->first),
            .severity = Severity::kInfo,
            .group = "counted"});
  }
}

void odd_expert_numbers(const Model& model, const Reporter& report) {
  against_rule(model, report);
  for (const NamedLayers& layers : named_experts(model))
    among_layers(model, layers, report);
}

}  // namespace

extern const Check kOddExpertNumbers;
constinit const Check kOddExpertNumbers{
    .code = "ME803",
    .name = "odd-expert-numbers",
    .summary = "experts of a layer are missing, too many, or not numbered from 0",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = odd_expert_numbers,
};

}  // namespace shardwright
