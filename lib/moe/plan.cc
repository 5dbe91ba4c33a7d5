#include "moe/plan.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "arch/layout.h"
#include "base/try.h"
#include "base/utf8.h"
#include "merge/kernels.h"
#include "merge/plan_config.h"
#include "merge/plan_parts.h"
#include "merge/relay.h"
#include "merge/view.h"
#include "moe/choose.h"
#include "moe/compose.h"
#include "moe/config.h"
#include "moe/gate_quality.h"
#include "moe/gates.h"
#include "moe/rule.h"

namespace shardwright {
namespace {

class MixturePlanner {
 public:
  MixturePlanner(const MoeRecipe& recipe, std::vector<MergeInput> inputs,
                 const Catalogue& catalogue, const MixtureOptions& options)
      : recipe_(recipe), inputs_(std::move(inputs)), catalogue_(catalogue), options_(options) {}

  Planned run() {
    if (Status status = plan_it(); !status) {
      if (status.error().code == ErrorCode::kInterrupted) {
        result_.interrupted = std::move(status).error();
      } else {
        result_.mistakes.push_back({recipe_.at, std::move(status).error().message});
      }
    }
    return std::move(result_);
  }

 private:
  MergePlan& plan() { return result_.plan; }
  [[nodiscard]] bool stands() const { return result_.mistakes.empty(); }

  Status plan_it() {
    plan().seed = options_.seed;
    tell_quantized(inputs_, plan(), result_.mistakes);
    SW_TRY(const std::vector<MixtureRule> rules, mixture_rules());
    const auto choice = choose_mixture(recipe_, options_.architecture, inputs_, rules, catalogue_,
                                       result_.mistakes);
    if (!stands()) return ok();
    const MixtureRule& rule = *choice->rule;
    const Schema* target = catalogue_.find(rule.name);
    if (target == nullptr) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("no rule describes the architecture {}", quoted(rule.name))};
    }
    plan().notes.push_back(fmt::format("the mixture is {}: {}", rule.name, choice->why));
    warn_of_shared(rule);
    judge_activations();
    if (!stands()) return ok();
    SW_TRY_OK(take_views(rule));
    SW_TRY(MixtureConfig config, mixture_config(rule, inputs_.front(), *target,
                                                {.experts = recipe_.experts.size(),
                                                 .shared = recipe_.shared.size(),
                                                 .per_token = recipe_.per_token}));
    plan().config_values = std::move(config.values);
    SW_TRY_OK(is_for_files(*target, options_.layout));
    SW_TRY(LayoutMap made, map_layouts(*target, config.document.root, target->classes.front().name,
                                       "hub", options_.layout.empty() ? "hub" : options_.layout));
    const auto map = std::make_shared<const LayoutMap>(std::move(made));
    plan().layouts.push_back(map);
    SW_TRY(const auto gates, make_gates({.recipe = recipe_,
                                         .base = inputs_.front(),
                                         .view = views_.front(),
                                         .threads = options_.threads,
                                         .memory_limit = options_.memory_limit,
                                         .monitor = options_.monitor},
                                        result_.mistakes));
    if (!stands()) return ok();
    if (gates) {
      plan().gates = measure_gates(*gates);
      for (std::string& note : describe_gates(*gates))
        plan().notes.push_back(std::move(note));
    }
    SW_TRY(Composed composed, compose({.recipe = recipe_,
                                       .rule = rule,
                                       .inputs = inputs_,
                                       .views = views_,
                                       .expected = map->from,
                                       .gates = gates,
                                       .seed = options_.seed},
                                      plan()));
    if (map->to.layout != "hub") SW_TRY_OK(relay(composed.view, *map, plan().sources));
    plan_tensors(
        composed, [this](const ViewTensor& tensor) { return target_dtype(tensor); }, plan());
    plan_drops(
        composed, inputs_,
        [](std::size_t input, std::string_view) {
          return input == 0 ? "the experts stand in its place"
                            : "only the MLPs of an expert are taken";
        },
        plan());
    order_and_split(plan(), options_.max_shard_size);
    SW_TRY(plan().config, config_of(plan(), inputs_, {}));
    return ok();
  }

  // Each model with the names that the rule has for it.
  Status take_views(const MixtureRule& rule) {
    for (MergeInput& input : inputs_) {
      View view = view_of(input);
      const std::string& layout = rule.source(input.expected->schema->name)->layout;
      if (input.expected->layout != layout) SW_TRY_OK(bring_to_layout(input, view, layout, plan()));
      views_.push_back(std::move(view));
    }
    return ok();
  }

  // All experts share the activation that the config names.
  void judge_activations() {
    const std::string wanted = activation_of(inputs_.front());
    for (const MergeInput& input : inputs_) {
      const std::string found = activation_of(input);
      if (found == wanted) continue;
      result_.mistakes.push_back(
          {input.model.at,
           fmt::format("the MLPs of {} have the activation {}, and those of {} {}: a mixture has "
                       "one for all experts",
                       quoted(input.model.text), quoted(found), quoted(inputs_.front().model.text),
                       quoted(wanted))});
    }
  }

  static std::string activation_of(const MergeInput& input) {
    for (const json::Value* values :
         {input.checkpoint->config_value(), &input.expected->schema->defaults}) {
      for (const std::string_view key : {"hidden_act", "hidden_activation"}) {
        const json::Value* value = values == nullptr ? nullptr : values->find(key);
        if (value != nullptr && value->string() != nullptr) return *value->string();
      }
    }
    return {};
  }

  // A shared expert adds its output to a sum of experts that is whole already.
  void warn_of_shared(const MixtureRule& rule) {
    if (recipe_.shared.empty()) return;
    const bool is_silent =
        std::ranges::all_of(recipe_.shared, [](const MoeExpert& e) { return e.scale == 0; });
    const bool is_halved = std::ranges::all_of(
        recipe_.experts, [](const MoeExpert& expert) { return expert.scale < 1; });
    if (is_silent || is_halved) return;
    plan().notes.push_back(fmt::format(
        "a shared expert's output is added to that of the experts, which is whole without it: "
        "'residual_scale: 0' of the shared expert keeps the scale of the dense models{}",
        rule.is_gated ? "" : ", or 0.5 of it and of the experts"));
  }

  // `dtype` of the recipe, else that of the base.
  [[nodiscard]] DType target_dtype(const ViewTensor& tensor) const {
    if (!kernel::is_float(tensor.tensor.dtype)) return tensor.tensor.dtype;
    if (const auto dtype = dtype_of_recipe(recipe_.dtype)) return *dtype;
    for (const auto& [name, stored] : views_.front().tensors) {
      if (stored.role == Role::kEmbedding && kernel::is_float(stored.stored)) return stored.stored;
    }
    return tensor.stored;
  }

  const MoeRecipe& recipe_;
  std::vector<MergeInput> inputs_;
  const Catalogue& catalogue_;
  const MixtureOptions& options_;
  std::vector<View> views_;
  Planned result_;
};

}  // namespace

Planned plan_mixture(const MoeRecipe& recipe, std::vector<MergeInput> inputs,
                     const Catalogue& catalogue, const MixtureOptions& options) {
  return MixturePlanner(recipe, std::move(inputs), catalogue, options).run();
}

}  // namespace shardwright
