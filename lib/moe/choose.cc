#include "moe/choose.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "arch/query.h"
#include "base/utf8.h"
#include "merge/recipe_reader.h"
#include "moe/unlike.h"

namespace shardwright {
namespace {

// Why a rule does not do.
struct Verdict {
  bool of_kind{};       // it takes models of the base's architecture
  bool lacks_shared{};  // the recipe has too few shared experts
  std::vector<std::string> reasons{};
};

const Schema* schema_of(const MergeInput& input) {
  return input.expected == nullptr ? nullptr : input.expected->schema;
}

// Reasons of one model.
void judge_model(const MergeInput& input, std::span<const MixtureRefusal> refusals,
                 Verdict& verdict) {
  for (const std::string& reason : reasons_against(input, refusals))
    verdict.reasons.push_back(fmt::format("{}: {}", quoted(input.model.text), reason));
}

std::string kinds_of(const MixtureRule& rule) {
  std::vector<std::string_view> kinds;
  for (const MixtureSource& source : rule.from)
    kinds.push_back(source.schema);
  return recipe::and_list(kinds);
}

void judge_shared(const MixtureRule& rule, const MoeRecipe& moe, Verdict& verdict) {
  const std::size_t count = moe.shared.size();
  if (count < rule.least_shared) {
    verdict.lacks_shared = true;
    verdict.reasons.push_back(fmt::format(
        "it has {} shared expert{}, and the recipe gives {}: add\n"
        "shared_experts:\n"
        "  - source_model: {}\n"
        "{}"
        "    residual_scale: 0  # its output is added to that of the experts",
        rule.least_shared == rule.most_shared ? "exactly one" : "at least one", "",
        count == 0 ? "none" : std::to_string(count), moe.base.text,
        rule.shared_prompts && moe.gate != GateMode::kRandom && moe.gate != GateMode::kUniform
            ? "    positive_prompts: [\"...\"]\n"
            : ""));
  } else if (count > rule.most_shared) {
    verdict.reasons.push_back(
        rule.most_shared == 0
            ? "it has no shared experts"
            : fmt::format("it has one shared expert, and the recipe gives {}", count));
  }
  const bool random = moe.gate == GateMode::kRandom || moe.gate == GateMode::kUniform;
  for (const MoeExpert& expert : moe.shared) {
    if (rule.shared_prompts && !random && expert.positive.empty())
      verdict.reasons.push_back("a shared expert of it has a gate, and needs 'positive_prompts'");
    if (!rule.shared_prompts && !expert.positive.empty())
      verdict.reasons.push_back("shared experts of it have no gate, and so no prompts");
  }
}

// Why the rule has no place for models of this architecture.
std::string of_another_kind(const MixtureRule& rule, const MergeInput& input,
                            const Catalogue& catalogue) {
  const Schema* schema = schema_of(input);
  std::string text =
      fmt::format("it takes {}, and {} is {}", kinds_of(rule), quoted(input.model.text),
                  schema == nullptr ? "of no known architecture" : schema->name);
  const Schema* mixture = catalogue.find(rule.name);
  if (schema == nullptr || mixture == nullptr) return text;
  const std::string how =
      unlike(rule, *mixture, *input.expected, *input.checkpoint->config_value());
  return how.empty() ? text : fmt::format("{}: {}", text, how);
}

Verdict judge(const MixtureRule& rule, const MoeRecipe& moe, std::span<const MergeInput> inputs,
              const Catalogue& catalogue) {
  Verdict verdict;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Schema* schema = schema_of(inputs[i]);
    const MixtureSource* source = schema == nullptr ? nullptr : rule.source(schema->name);
    if (source == nullptr) {
      verdict.reasons.push_back(of_another_kind(rule, inputs[i], catalogue));
      return verdict;
    }
    if (i == 0) verdict.of_kind = true;
    if (i == 0) judge_model(inputs[i], source->refuse, verdict);
    judge_model(inputs[i], source->each, verdict);
  }
  judge_shared(rule, moe, verdict);
  return verdict;
}

std::string to_lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return text;
}

bool is_called(const MixtureRule& rule, const std::string& name) {
  return rule.name == name || std::ranges::find(rule.calls, name) != rule.calls.end();
}

std::vector<std::string_view> all_names(std::span<const MixtureRule> rules) {
  std::vector<std::string_view> names;
  for (const MixtureRule& rule : rules) {
    names.push_back(rule.name);
    for (const std::string& call : rule.calls) {
      if (call.find(' ') == std::string::npos && std::ranges::find(names, call) == names.end())
        names.emplace_back(call);
    }
  }
  return names;
}

// The rules that a name means, in order; none is a mistake.
std::vector<const MixtureRule*> named_rules(const std::string& name, Mark at,
                                            std::span<const MixtureRule> rules,
                                            std::vector<Mistake>& mistakes) {
  std::vector<const MixtureRule*> named;
  for (const MixtureRule& rule : rules) {
    if (is_called(rule, to_lower(name))) named.push_back(&rule);
  }
  if (named.empty()) {
    const auto names = all_names(rules);
    const std::string hint = recipe::did_you_mean(to_lower(name), names);
    mistakes.push_back(
        {at, fmt::format("unknown architecture {} of a mixture{}", quoted(name),
                         hint.empty() ? "; expected " + recipe::or_list(names) : hint)});
  }
  return named;
}

using Considered = std::vector<std::pair<const MixtureRule*, Verdict>>;

void refuse(const MoeRecipe& moe, Mark at, const Considered& considered,
            std::vector<Mistake>& mistakes) {
  std::string message = considered.size() == 1
                            ? fmt::format("these models make no {}", considered.front().first->name)
                            : "no architecture of a mixture takes these models";
  for (const auto& [rule, verdict] : considered) {
    message += fmt::format("{} {}", considered.size() == 1 ? ":" : "\n" + rule->name + ":",
                           fmt::join(verdict.reasons, "; "));
  }
  mistakes.push_back({at.line > 0 ? at : moe.at, std::move(message)});
}

}  // namespace

std::optional<MixtureChoice> choose_mixture(const MoeRecipe& recipe, std::string_view named,
                                            std::span<const MergeInput> inputs,
                                            std::span<const MixtureRule> rules,
                                            const Catalogue& catalogue,
                                            std::vector<Mistake>& mistakes) {
  const std::string asked = named.empty() ? recipe.architecture : std::string(named);
  const Mark at = named.empty() ? recipe.architecture_at : Mark{};
  std::vector<const MixtureRule*> candidates;
  if (!asked.empty()) {
    candidates = named_rules(asked, at, rules, mistakes);
    if (candidates.empty()) return std::nullopt;
  } else {
    for (const MixtureRule& rule : rules)
      candidates.push_back(&rule);
  }
  Considered considered;
  bool by_order = false;  // one of mergekit's four takes models of this kind
  for (const MixtureRule* rule : candidates) {
    const bool unasked = asked.empty() && !rule->order;
    if (unasked && by_order) break;
    Verdict verdict = judge(*rule, recipe, inputs, catalogue);
    by_order = by_order || (verdict.of_kind && rule->order);
    if (verdict.reasons.empty()) {
      return MixtureChoice{.rule = rule,
                           .why = !asked.empty()
                                      ? fmt::format("{} was asked for", quoted(asked))
                                      : "the first that takes these models and shared experts"};
    }
    const bool nearly = verdict.lacks_shared && verdict.reasons.size() == 1;
    considered.emplace_back(rule, std::move(verdict));
    if (nearly) {
      considered.erase(considered.begin(), considered.end() - 1);
      break;
    }
  }
  // Those that take nothing of this kind say no more than that.
  if (std::ranges::any_of(considered, [](const auto& one) { return one.second.of_kind; }))
    std::erase_if(considered, [](const auto& one) { return !one.second.of_kind; });
  refuse(recipe, at, considered, mistakes);
  return std::nullopt;
}

std::vector<std::string> reasons_against(const MergeInput& input,
                                         std::span<const MixtureRefusal> refusals) {
  const ConfigQuery query(*schema_of(input), *input.checkpoint->config_value(),
                          input.expected->class_name);
  std::vector<std::string> reasons;
  for (const MixtureRefusal& refusal : refusals) {
    const auto holds = query.value(refusal.when);
    const bool* flag = holds ? holds->boolean() : nullptr;
    if (flag != nullptr && !*flag) continue;
    reasons.push_back(flag != nullptr ? refusal.why : "its config does not tell whether it fits");
  }
  return reasons;
}

}  // namespace shardwright
