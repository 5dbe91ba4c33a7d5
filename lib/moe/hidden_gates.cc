#include "moe/hidden_gates.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include "base/meter.h"
#include "base/try.h"
#include "forward/decoder.h"
#include "forward/hidden_states.h"
#include "moe/token_shares.h"

namespace shardwright {
namespace {

// The prompts of all experts, each once, since one may be for an expert and not for another.
class PromptSet {
 public:
  explicit PromptSet(const std::vector<ExpertPrompts>& experts) {
    for (const ExpertPrompts& prompts : experts) {
      for (const auto* list : {&prompts.positive, &prompts.negative}) {
        for (const Prompt& prompt : *list)
          add(prompt);
      }
    }
  }

  [[nodiscard]] const std::vector<TokenSequence>& sequences() const { return sequences_; }

  // Its tokens' states among all, [tokens, hidden].
  [[nodiscard]] std::span<const float> of(const Prompt& prompt, std::span<const float> states,
                                          std::size_t hidden) const {
    return states.subspan(begins_.at(prompt) * hidden, prompt.size() * hidden);
  }

 private:
  void add(const Prompt& prompt) {
    if (!begins_.emplace(prompt, tokens_).second) return;
    tokens_ += prompt.size();
    sequences_.push_back(prompt);
  }

  std::map<Prompt, std::size_t> begins_;  // the first token's place
  std::vector<TokenSequence> sequences_;
  std::size_t tokens_{};
};

class HiddenGates {
 public:
  HiddenGates(const GateTask& task, const std::vector<ExpertPrompts>& experts)
      : task_(task), experts_(experts), prompts_(experts) {}

  Result<GateTable> make() {
    SW_TRY(const Decoder decoder,
           decoder_of(*task_.base.expected, *task_.base.checkpoint->config_value(), task_.view));
    table_ = {.layers = decoder.layers.size() + 1,
              .experts = experts_.size(),
              .hidden = decoder.hidden,
              .routed = task_.recipe.experts.size(),
              .mode = task_.recipe.gate};
    ForwardOptions options{.threads = task_.threads, .memory_limit = task_.memory_limit};
    SW_TRY(const ForwardPlan plan, plan_forward(decoder, prompts_.sequences(), options));
    Meter meter(task_.monitor, "reading the prompts", layer_bytes(decoder) * plan.groups.size());
    options.meter = &meter;
    SW_TRY_OK(hidden_states(decoder, prompts_.sequences(), plan, options,
                            [this](std::size_t layer, std::span<const float> states) {
                              see(layer, states);
                              return ok();
                            }));
    return std::move(table_);
  }

 private:
  void see(std::size_t layer, std::span<const float> states) {
    for (const ExpertPrompts& prompts : experts_)
      add_row(mean_of(prompts.positive, states), mean_of(prompts.negative, states), table_);
    TokenShares shares(table_, layer, task_.recipe.per_token);
    for (const ExpertPrompts& prompts : experts_) {
      for (const Prompt& prompt : prompts.positive) {
        const auto of = prompts_.of(prompt, states, table_.hidden);
        for (std::size_t token = 0; token < prompt.size(); ++token)
          shares.count(of.subspan(token * table_.hidden, table_.hidden));
      }
    }
    table_.shares.push_back({.layer = layer, .of_experts = shares.parts()});
  }

  // Empty without prompts.
  [[nodiscard]] std::vector<double> mean_of(const std::vector<Prompt>& prompts,
                                            std::span<const float> states) const {
    const std::size_t hidden = table_.hidden;
    std::vector<double> mean(prompts.empty() ? 0 : hidden);
    for (const Prompt& prompt : prompts) {
      const auto of = prompts_.of(prompt, states, hidden);
      const std::size_t first = table_.mode == GateMode::kHidden ? prompt.size() - 1 : 0;
      const auto parts = static_cast<double>((prompt.size() - first) * prompts.size());
      for (std::size_t token = first; token < prompt.size(); ++token) {
        for (std::size_t i = 0; i < hidden; ++i)
          mean[i] += of[token * hidden + i] / parts;
      }
    }
    return mean;
  }

  const GateTask& task_;
  const std::vector<ExpertPrompts>& experts_;
  PromptSet prompts_;
  GateTable table_;
};

}  // namespace

Result<GateTable> hidden_gates(const GateTask& task, const std::vector<ExpertPrompts>& experts) {
  return HiddenGates(task, experts).make();
}

}  // namespace shardwright
