#include "moe/prune.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "arch/layout.h"
#include "base/try.h"
#include "base/utf8.h"
#include "merge/assemble.h"
#include "merge/plan_config.h"
#include "merge/plan_parts.h"
#include "merge/relay.h"
#include "merge/view.h"
#include "moe/composed.h"
#include "moe/prune_config.h"

namespace shardwright {
namespace {

// Tensors of each expert of each layer, in the rule's order, which is the same for all.
using ExpertTensors =
    std::map<std::pair<std::int32_t, std::int32_t>, std::vector<const ExpectedTensor*>>;

class Pruner {
 public:
  Pruner(const PruneRequest& request, MergeInput model)
      : request_(request), inputs_{std::move(model)} {}

  Planned run() {
    if (Status status = plan_it(); !status)
      result_.mistakes.push_back({{}, std::move(status).error().message});
    return std::move(result_);
  }

 private:
  MergePlan& plan() { return result_.plan; }
  [[nodiscard]] const MergeInput& model() const { return inputs_.front(); }

  Status plan_it() {
    tell_quantized(inputs_, plan(), result_.mistakes);
    if (!result_.mistakes.empty()) return ok();
    SW_TRY_OK(has_experts());
    SW_TRY_OK(take_numbers());
    SW_TRY(PrunedConfig config, pruned_config(model(), kept_));
    for (std::string& note : config.notes)
      plan().notes.push_back(std::move(note));
    plan().config_values = std::move(config.values);
    const Expansion& before = *model().expected;
    const std::string to = request_.layout.empty() ? before.layout : request_.layout;
    if (!request_.layout.empty()) SW_TRY_OK(is_for_files(*before.schema, to));
    SW_TRY(LayoutMap made,
           map_layouts(*before.schema, config.document.root, before.class_name, before.layout, to));
    const auto map = std::make_shared<const LayoutMap>(std::move(made));
    plan().layouts.push_back(map);
    SW_TRY_OK(compose(map->from));
    if (map->to.layout != map->from.layout) SW_TRY_OK(relay(composed_.view, *map, plan().sources));
    plan_tensors(composed_, [](const ViewTensor& tensor) { return tensor.stored; }, plan());
    plan_drops(
        composed_, inputs_,
        [&before](std::size_t, std::string_view name) { return why_dropped(before.find(name)); },
        plan());
    order_and_split(plan(), request_.max_shard_size);
    SW_TRY(plan().config, config_of(plan(), inputs_, {}));
    return ok();
  }

  static std::string why_dropped(const ExpectedTensor* tensor) {
    if (tensor == nullptr) return "loaders pass over it";
    return tensor->role == Role::kBlockScale ? "its weights are multiplied by it"
                                             : "it is of an expert that is not kept";
  }

  [[nodiscard]] Status has_experts() const {
    if (model().expected == nullptr) {
      return Error{ErrorCode::kInvalidArgument,
                   "no rule describes it, so which of its tensors are of experts is not known"};
    }
    const Expansion& expected = *model().expected;
    const bool routes = std::ranges::any_of(expected.tensors, [](const ExpectedTensor& tensor) {
      return tensor.role == Role::kRouter;
    });
    if (routes && expected.experts.value_or(0) > 0) return ok();
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} has no experts to choose from", expected.schema->name)};
  }

  Status take_numbers() {
    const std::uint64_t experts = model().expected->experts.value_or(0);
    kept_ = request_.keep;
    std::ranges::sort(kept_);
    if (kept_.empty())
      return Error{ErrorCode::kInvalidArgument, "--keep names no expert, and one must stay"};
    if (const auto twice = std::ranges::adjacent_find(kept_); twice != kept_.end()) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("--keep names expert {} twice", *twice)};
    }
    if (kept_.back() >= experts) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("--keep names expert {}, and the model has experts 0 to {}",
                               kept_.back(), experts - 1)};
    }
    if (kept_.size() == experts) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("--keep names all {} experts: nothing would change", experts)};
    }
    return ok();
  }

  Status compose(const Expansion& after) {
    const Expansion& before = *model().expected;
    view_ = view_of(model());
    ExpertTensors experts;
    for (const ExpectedTensor& tensor : before.tensors) {
      const bool is_scale = tensor.role == Role::kBlockScale;  // of weights that are plain here
      if (tensor.expert >= 0 && !is_scale)
        experts[{tensor.layer, tensor.expert}].push_back(&tensor);
    }
    std::map<std::pair<std::int32_t, std::int32_t>, std::size_t> seen;
    for (const ExpectedTensor& tensor : after.tensors) {
      const ExpectedTensor* from = nullptr;
      if (static_cast<std::uint64_t>(std::max(tensor.expert, 0)) >= kept_.size()) {
        return Error{ErrorCode::kUnsupported,
                     fmt::format("{} is of an expert that is not kept", quoted(tensor.name))};
      }
      if (tensor.expert >= 0) {
        const auto number = kept_[static_cast<std::size_t>(tensor.expert)];
        const auto& of = experts[{tensor.layer, static_cast<std::int32_t>(number)}];
        const std::size_t at = seen[{tensor.layer, tensor.expert}]++;
        if (at < of.size()) from = of[at];
      } else {
        from = before.find(tensor.name);
      }
      SW_TRY_OK(place(tensor, from));
    }
    for (const auto& [name, tensor] : view_.tensors) {
      if (!tensor.known) carry(tensor);
    }
    finish_view(composed_.view);
    return ok();
  }

  Status place(const ExpectedTensor& tensor, const ExpectedTensor* from) {
    if (from == nullptr) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("nothing of the model becomes {}", quoted(tensor.name))};
    }
    const auto found = view_.tensors.find(from->name);
    if (found == view_.tensors.end()) {
      if (tensor.optional || element_count(tensor.shape) == 0U) return ok();
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} is not stored", quoted(from->name))};
    }
    const ViewTensor& stored = found->second;
    if (!same_shape(from->shape, stored.tensor.shape)) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} has the shape {}, expected {}", quoted(from->name),
                               shape_text(stored.tensor.shape), shape_text(from->shape))};
    }
    Origin origin;
    composed_.use(0, stored, origin);
    if (same_shape(tensor.shape, stored.tensor.shape)) {
      if (tensor.name != from->name) origin.stored = from->name;
      composed_.add(tensor, stored, std::move(origin));
      return ok();
    }
    SW_TRY(const std::vector<ViewPart> parts, parts_of(tensor, stored));
    SW_TRY(ViewTensor made, assemble(tensor.name, tensor.shape, parts, plan().sources));
    origin.given.assign(kept_.begin(), kept_.end());
    origin.why = "what is of the experts that are kept";
    composed_.add(tensor, std::move(made), std::move(origin));
    return ok();
  }

  // The kept experts' slices along the one extent that counts experts.
  [[nodiscard]] Result<std::vector<ViewPart>> parts_of(const ExpectedTensor& tensor,
                                                       const ViewTensor& stored) const {
    const ShapeView from = stored.tensor.shape;
    std::size_t along = from.size();
    std::size_t differing = 0;
    for (std::size_t i = 0; i < from.size() && from.size() == tensor.shape.size(); ++i) {
      if (from[i] == tensor.shape[i]) continue;
      along = i;
      ++differing;
    }
    const bool counts = differing == 1 && from[along] == model().expected->experts &&
                        tensor.shape[along] == kept_.size();
    if (!counts) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{} would go from the shape {} to {}, and that is not one part an "
                               "expert",
                               quoted(tensor.name), shape_text(from), shape_text(tensor.shape))};
    }
    const std::uint64_t outer = element_count(from.first(along)).value_or(0);
    const std::uint64_t inner = element_count(from.subspan(along + 1)).value_or(0);
    std::vector<ViewPart> parts;
    for (std::uint64_t row = 0; row < outer; ++row) {
      for (std::size_t i = 0; i < kept_.size(); ++i) {
        parts.push_back({.tensor = &stored,
                         .from = (row * from[along] + kept_[i]) * inner,
                         .to = (row * kept_.size() + i) * inner,
                         .length = inner});
      }
    }
    return parts;
  }

  // What the rule does not know goes along as it is.
  void carry(const ViewTensor& tensor) {
    Origin origin;
    composed_.use(0, tensor, origin);
    composed_.origins[tensor.tensor.name] = std::move(origin);
    add_to_view(composed_.view, tensor, nullptr);
  }

  const PruneRequest& request_;
  std::vector<MergeInput> inputs_;
  std::vector<std::uint64_t> kept_;
  View view_;
  Composed composed_;
  Planned result_;
};

}  // namespace

Planned plan_prune(const PruneRequest& request, MergeInput model) {
  return Pruner(request, std::move(model)).run();
}

}  // namespace shardwright
