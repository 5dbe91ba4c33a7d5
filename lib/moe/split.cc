#include "moe/split.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "arch/layout.h"
#include "arch/name_pattern.h"
#include "base/try.h"
#include "base/utf8.h"
#include "merge/assemble.h"
#include "merge/plan_config.h"
#include "merge/plan_parts.h"
#include "merge/relay.h"
#include "merge/view.h"
#include "moe/composed.h"
#include "moe/config.h"
#include "moe/rule.h"
#include "moe/way_back.h"

namespace shardwright {
namespace {

constexpr std::string_view kHub = "hub";

using Letters = std::array<std::uint64_t, kMaxLetters>;

class Splitter {
 public:
  Splitter(const SplitRequest& request, MergeInput model, const Catalogue& catalogue)
      : request_(request), inputs_{std::move(model)}, catalogue_(catalogue) {}

  Planned run() {
    if (Status status = plan_it(); !status)
      result_.mistakes.push_back({{}, std::move(status).error().message});
    return std::move(result_);
  }

 private:
  MergePlan& plan() { return result_.plan; }
  [[nodiscard]] MergeInput& model() { return inputs_.front(); }

  Status plan_it() {
    tell_quantized(inputs_, plan(), result_.mistakes);
    if (!result_.mistakes.empty()) return ok();
    SW_TRY(const std::vector<MixtureRule> rules, mixture_rules());
    SW_TRY(const WayBack way, way_back(model(), request_.expert, rules));
    rule_ = way.rule;
    const Schema* target = catalogue_.find(way.source->schema);
    if (target == nullptr) {
      return Error{ErrorCode::kUnsupported, fmt::format("no rule describes the architecture {}",
                                                        quoted(way.source->schema))};
    }
    SW_TRY(MixtureConfig config, dense_config(*rule_, *way.source, model(), *target));
    plan().config_values = std::move(config.values);
    const std::string to = request_.layout.empty() ? std::string(kHub) : request_.layout;
    SW_TRY_OK(is_for_files(*target, to));
    SW_TRY(LayoutMap made,
           map_layouts(*target, config.document.root, target->classes.front().name, kHub, to));
    const auto map = std::make_shared<const LayoutMap>(std::move(made));
    plan().layouts.push_back(map);
    stored_ = model().expected;
    view_ = view_of(model());
    if (stored_->layout != kHub) SW_TRY_OK(bring_to_layout(model(), view_, kHub, plan()));
    plan().notes.push_back(fmt::format("expert {} of {} becomes a model of the architecture {}",
                                       request_.expert, stored_->experts.value_or(0),
                                       target->name));
    SW_TRY_OK(compose(map->from));
    tell_of_the_rest();
    if (to != kHub) SW_TRY_OK(relay(composed_.view, *map, plan().sources));
    plan_tensors(composed_, [](const ViewTensor& tensor) { return tensor.stored; }, plan());
    plan_drops(
        composed_, inputs_,
        [this](std::size_t, std::string_view name) { return why_dropped(stored_->find(name)); },
        plan());
    order_and_split(plan(), request_.max_shard_size);
    SW_TRY(plan().config, config_of(plan(), inputs_, {}));
    return ok();
  }

  // --- what its tensors are --------------------------------------------------------------------

  Status compose(const Expansion& dense) {
    for (const ExpectedTensor& tensor : dense.tensors)
      SW_TRY_OK(place(tensor, dense));
    finish_view(composed_.view);
    return ok();
  }

  Status place(const ExpectedTensor& tensor, const Expansion& dense) {
    if (const auto found = view_.tensors.find(tensor.name); found != view_.tensors.end())
      return place_as_it_is(tensor, found->second);
    for (const MixtureTensor& made : rule_->tensors) {
      for (std::size_t part = 0; !made.is_shared && part < made.of.size(); ++part) {
        Letters letters{};
        if (made.of[part].match(tensor.name, letters))
          return place_of_expert(tensor, made, part, letters, dense);
      }
    }
    if (tensor.optional || element_count(tensor.shape) == 0U) return ok();
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} of the dense model is not in the mixture", quoted(tensor.name))};
  }

  Status place_as_it_is(const ExpectedTensor& tensor, const ViewTensor& stored) {
    if (!same_shape(tensor.shape, stored.tensor.shape)) {
      return Error{
          ErrorCode::kInvalidArgument,
          is_of_expert(tensor.name)
              ? fmt::format("{} is of a layer without experts, and has the shape {}, where "
                            "that of an expert is {}: a dense model has MLPs of one size",
                            quoted(tensor.name), shape_text(stored.tensor.shape),
                            shape_text(tensor.shape))
              : fmt::format("{} has the shape {}, and the dense model's {}", quoted(tensor.name),
                            shape_text(stored.tensor.shape), shape_text(tensor.shape))};
    }
    Origin origin;
    composed_.use(0, stored, origin);
    composed_.add(tensor, stored, std::move(origin));
    return ok();
  }

  // Whether it is what experts are taken out as.
  [[nodiscard]] bool is_of_expert(std::string_view name) const {
    Letters letters{};
    return std::ranges::any_of(rule_->tensors, [&](const MixtureTensor& made) {
      return std::ranges::any_of(made.of,
                                 [&](const NumberedName& of) { return of.match(name, letters); });
    });
  }

  // The expert's own tensor, or part number `part` of its share of one that has all experts in it.
  Status place_of_expert(const ExpectedTensor& tensor, const MixtureTensor& made, std::size_t part,
                         Letters letters, const Expansion& dense) {
    const auto& names = rule_->letters;
    const auto expert = std::ranges::find(names, "expert");
    if (expert != names.end())
      letters.at(static_cast<std::size_t>(expert - names.begin())) = request_.expert;
    const std::string from = made.target.fill(letters);
    const auto found = view_.tensors.find(from);
    if (found == view_.tensors.end()) {
      return Error{ErrorCode::kInvalidArgument, fmt::format("{} is not stored, which {} is made of",
                                                            quoted(from), quoted(tensor.name))};
    }
    const ViewTensor& stored = found->second;
    Origin origin{.stored = stored.tensor.name};
    composed_.use(0, stored, origin);
    SW_TRY(const std::optional<ViewTensor> mine,
           share_of(tensor, made, part, letters, dense, stored));
    if (!mine) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} has the shape {}, and {} of the dense model {}", quoted(from),
                               shape_text(stored.tensor.shape), quoted(tensor.name),
                               shape_text(tensor.shape))};
    }
    if (!made.by_expert) {
      origin.given = {static_cast<double>(request_.expert)};
      origin.why = fmt::format("what is of expert {}", request_.expert);
    }
    Letters unused{};
    const double factor = rule_->down.match(tensor.name, unused) ? factor_of_experts() : 1;
    if (factor != 1) {
      origin.given.push_back(factor);
      origin.why = fmt::format("times {} ({})", factor, quoted(rule_->factor));
    }
    composed_.add(tensor, changed_tensor(*mine, {.scale = factor}, plan().sources),
                  std::move(origin));
    return ok();
  }

  // None where the shapes do not fit.
  Result<std::optional<ViewTensor>> share_of(const ExpectedTensor& tensor,
                                             const MixtureTensor& made, std::size_t part,
                                             const Letters& letters, const Expansion& dense,
                                             const ViewTensor& stored) {
    if (made.by_expert && made.of.size() == 1) {
      const bool fits = same_shape(tensor.shape, stored.tensor.shape);
      return fits ? std::optional(stored) : std::nullopt;
    }
    const std::uint64_t experts = made.by_expert ? 1 : stored_->experts.value_or(0);
    const std::uint64_t all = element_count(stored.tensor.shape).value_or(0);
    std::uint64_t before = 0;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < made.of.size(); ++i) {
      const ExpectedTensor* one = dense.find(made.of[i].fill(letters));
      if (one == nullptr) return std::optional<ViewTensor>();
      const std::uint64_t count = element_count(one->shape).value_or(0);
      if (i < part) before += count;
      sum += count;
    }
    if (sum == 0 || all / sum != experts || all % sum != 0) return std::optional<ViewTensor>();
    ViewPart piece = whole_part(stored, 0);
    piece.from = (made.by_expert ? 0 : request_.expert * sum) + before;
    piece.length = element_count(tensor.shape).value_or(0);
    SW_TRY(ViewTensor share, assemble(tensor.name, tensor.shape, {&piece, 1}, plan().sources));
    return std::optional(std::move(share));
  }

  // What the mixture multiplies the output of its experts by.
  [[nodiscard]] double factor_of_experts() {
    if (rule_->factor.empty()) return 1;
    for (const json::Value* values :
         {model().checkpoint->config_value(), &stored_->schema->defaults}) {
      const json::Value* value = values == nullptr ? nullptr : values->find(rule_->factor);
      const auto number = value == nullptr ? std::nullopt : value->number();
      if (number) return *number;
    }
    return 1;
  }

  // --- what is said of it ----------------------------------------------------------------------

  void tell_of_the_rest() {
    const bool shares = std::ranges::any_of(stored_->tensors, [](const ExpectedTensor& tensor) {
      return tensor.role == Role::kSharedExpert && !tensor.optional;
    });
    if (shares) {
      plan().notes.emplace_back(
          "shared experts are left out: in the mixture every token goes through them too, and the "
          "dense model lacks what they add");
    }
    if (const double factor = factor_of_experts(); factor != 1) {
      plan().notes.push_back(
          fmt::format("{} is {}: the expert's down projections are multiplied by it, as the "
                      "mixture multiplies what its experts give",
                      quoted(rule_->factor), factor));
    }
  }

  [[nodiscard]] std::string why_dropped(const ExpectedTensor* tensor) const {
    if (tensor == nullptr) return "loaders pass over it";
    if (tensor->role == Role::kBlockScale) return "its weights are multiplied by it";
    if (tensor->optional && tensor->layer >= 0) return "it is of a layer for speculative decoding";
    if (tensor->role == Role::kExpert) return "it is of another expert";
    if (tensor->role == Role::kSharedExpert || tensor->role == Role::kSharedGate)
      return "shared experts are left out";
    return "a dense model has no router";
  }

  const SplitRequest& request_;
  std::vector<MergeInput> inputs_;
  const Catalogue& catalogue_;
  const MixtureRule* rule_{};  // of the list that plan_it() has
  const Expansion* stored_{};  // as the mixture is stored
  View view_;                  // of it, in the hub's form
  Composed composed_;
  Planned result_;
};

}  // namespace

Planned plan_split(const SplitRequest& request, MergeInput model, const Catalogue& catalogue) {
  return Splitter(request, std::move(model), catalogue).run();
}

}  // namespace shardwright
