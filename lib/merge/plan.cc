#include "merge/plan.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "merge/dequantize.h"
#include "merge/modules.h"
#include "merge/parts.h"
#include "merge/plan_config.h"
#include "merge/plan_parts.h"
#include "merge/plan_tensor.h"
#include "merge/plan_tokenizer.h"
#include "merge/relay.h"
#include "merge/tensor_mistakes.h"
#include "merge/view.h"
#include "merge/wanted.h"

namespace shardwright {
namespace {

class Planner {
 public:
  Planner(const Recipe& recipe, std::vector<MergeInput> inputs, const PlanOptions& options)
      : recipe_(recipe),
        inputs_(std::move(inputs)),
        options_(options),
        method_(find_method(recipe.method)) {}

  Planned run() {
    if (method_ == nullptr) {
      mistake(recipe_.method_at, fmt::format("unknown method {}", quoted(recipe_.method)));
      return std::move(result_);
    }
    tell_quantized(inputs_, plan(), result_.mistakes);
    plan().method = method_;
    plan().seed = options_.seed;
    plan().compat = options_.compat;
    // The base, or the first that is named.
    plan().donor = recipe_.base ? input_of(inputs_, *recipe_.base) : 0;
    for (const MergeInput& input : inputs_)
      views_.push_back(view_of(input));
    const LayoutTask layouts{.inputs = inputs_,
                             .views = views_,
                             .donor = plan().donor,
                             .layout = options_.layout,
                             .at = recipe_.at};
    bring_to_one_layout(layouts, plan(), result_.mistakes);
    if (result_.mistakes.empty())
      parts_ = parts_of(recipe_, *method_, inputs_, views_, result_.mistakes);
    if (!result_.mistakes.empty()) return std::move(result_);
    make_tokenizer();
    if (!result_.mistakes.empty()) return std::move(result_);
    plan_tensors();
    account_for_the_rest();
    order_and_split(plan(), options_.max_shard_size);
    result_.mistakes = tensor_mistakes_.told();
    if (result_.mistakes.empty()) write_config();
    return std::move(result_);
  }

 private:
  MergePlan& plan() { return result_.plan; }

  void mistake(Mark at, std::string message) {
    result_.mistakes.push_back({at, std::move(message)});
  }

  // --- what the recipe asks for ----------------------------------------------------------------

  [[nodiscard]] bool is_merged(std::size_t input) const {
    return std::ranges::any_of(parts_, [input](const Part& part) {
      return std::ranges::any_of(part.slices, [input](const Slice& slice) {
        return std::ranges::find(slice.sources, input, &SliceSource::input) != slice.sources.end();
      });
    });
  }

  void make_tokenizer() {
    if (!recipe_.tokenizer && recipe_.chat_template.empty()) return;
    TokenizerTask task{
        .recipe = recipe_, .inputs = inputs_, .donor = plan().donor, .compat = options_.compat};
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      task.merged.push_back(is_merged(i) || i == plan().donor);
    plan_tokenizer(task, views_, plan(), result_.mistakes);
  }

  // --- tensors ---------------------------------------------------------------------------------

  void plan_tensors() {
    const WantedTask wanted{.recipe = recipe_,
                            .inputs = inputs_,
                            .views = views_,
                            .parts = parts_,
                            .donor = plan().donor};
    const TensorTask task{
        .recipe = recipe_, .method = *method_, .inputs = inputs_, .compat = options_.compat};
    for (const Wanted& one : wanted_tensors(wanted, plan().notes)) {
      mark_used(one);
      if (auto tensor = plan_tensor(task, one, tensor_mistakes_))
        plan().tensors.push_back(*std::move(tensor));
    }
  }

  void mark_used(const Wanted& wanted) {
    for (const Candidate& candidate : wanted.candidates) {
      const std::size_t input = wanted.slice->sources[candidate.source].input;
      const ViewTensor& tensor = *candidate.tensor;
      if (tensor.stored_names.empty()) used_.insert({input, tensor.tensor.name});
      for (const std::string_view name : tensor.stored_names)
        used_.insert({input, name});
    }
  }

  // --- what is left ----------------------------------------------------------------------------

  void account_for_the_rest() {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const MergeInput& input = inputs_[i];
      for (const Tensor& tensor : input.checkpoint->tensors) {
        if (used_.contains({i, tensor.name})) continue;
        const bool redundant =
            std::ranges::find(input.redundant, tensor.name) != input.redundant.end();
        const bool ignored = input.expected != nullptr &&
                             input.expected->find(tensor.name) == nullptr &&
                             input.expected->is_ignored(tensor.name);
        const bool is_scale =
            input.dequantized != nullptr && input.dequantized->is_scale(tensor.name);
        plan().dropped.push_back({.model = static_cast<std::uint32_t>(i),
                                  .name = std::string(tensor.name),
                                  .why = redundant  ? "it repeats the tied embedding"
                                         : is_scale ? "the scale is in the weight"
                                         : ignored  ? "loaders pass over it"
                                         : is_merged(i)
                                             ? "no layer of the result is made of it"
                                             : "the recipe takes no more than tokens of it"});
      }
    }
  }

  StackLayers layers_of(const Part& part) {
    StackLayers out;
    for (const Slice& slice : part.slices) {
      const SliceSource& source = slice.sources[slice.base.value_or(0)];
      if (out.stack.empty()) out.stack = part.stacks[source.input];
      for (std::uint64_t i = source.begin; i < source.end; ++i)
        out.layers.push_back({.input = source.input, .layer = i});
    }
    const View& donor = views_[plan().donor];
    const auto depth = donor.depths.find(out.stack);
    if (depth != donor.depths.end()) out.depth = depth->second;
    out.is_main = out.stack == donor.stack || module_kind_of(out.stack) == ModuleKind::kRest;
    return out;
  }

  void write_config() {
    const MergeInput& input = inputs_[plan().donor];
    if (!input.checkpoint->config || !input.checkpoint->config->document) return;
    if (const std::string& name = input.model.architecture; !name.empty())
      plan().config_values.push_back({"/architectures", json::dump({json::Value::Array{{name}}})});
    std::vector<StackLayers> stacks;
    for (const Part& part : parts_) {
      if (!part.slices.front().whole) stacks.push_back(layers_of(part));
    }
    auto text = config_of(plan(), inputs_, stacks);
    if (text) {
      plan().config = *std::move(text);
    } else {
      mistake(recipe_.at, text.error().message);
    }
  }

  const Recipe& recipe_;
  std::vector<MergeInput> inputs_;
  const PlanOptions& options_;
  const Method* method_;
  std::vector<View> views_;
  std::vector<Part> parts_;
  std::set<std::pair<std::size_t, std::string_view>> used_;
  TensorMistakes tensor_mistakes_;
  Planned result_;
};

}  // namespace

std::uint64_t bytes_of(const PlannedTensor& tensor) {
  return size_in_bytes(tensor.dtype, tensor.shape).value_or(0);
}

Planned plan_merge(const Recipe& recipe, std::vector<MergeInput> inputs,
                   const PlanOptions& options) {
  return Planner(recipe, std::move(inputs), options).run();
}

}  // namespace shardwright
