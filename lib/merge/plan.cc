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
    const TensorTask task{.recipe = recipe_, .method = *method_, .inputs = inputs_};
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

<<<<<<< HEAD
=======
  // A file without a config has no rule: what another source has by that name tells its role.
  [[nodiscard]] const ViewTensor* as_a_rule_has_it(const Slice& slice, std::string_view name,
                                                   const ViewTensor* tensor) const {
    for (const SliceSource& source : slice.sources) {
      const auto& tensors = views_[source.input].tensors;
      const auto found = tensors.find(name);
      if (found != tensors.end() && found->second.known) return &found->second;
    }
    return tensor;
  }

  void plan_layer(const Part& part, const Slice& slice, std::uint64_t offset, double t,
                  std::uint64_t layer) {
    std::map<std::string, std::vector<Candidate>> wanted;
    for (std::size_t i = 0; i < slice.sources.size(); ++i) {
      const SliceSource& source = slice.sources[i];
      const View& view = views_[source.input];
      const std::string prefix =
          fmt::format("{}{}.", part.stacks[source.input], source.begin + offset);
      for (auto at = view.tensors.lower_bound(prefix);
           at != view.tensors.end() && at->first.starts_with(prefix); ++at) {
        wanted[with_layer(at->first, at->second, layer)].push_back(
            {.source = i, .tensor = &at->second});
      }
    }
    for (auto& [name, candidates] : wanted)
      plan_tensor(slice, name, std::move(candidates), t);
  }

  void plan_tensor(const Slice& slice, const std::string& name, std::vector<Candidate> candidates,
                   double t) {
    for (const Candidate& candidate : candidates)
      mark_used(slice.sources[candidate.source].input, *candidate.tensor);
    if (candidates.size() < slice.sources.size()) stand_in_for_heads(slice, name, candidates);
    PlannedTensor made{.name = name};
    const Tensor& first = candidates.front().tensor->tensor;
    made.shape = Shape(first.shape.begin(), first.shape.end());
    if (!same_shapes(slice, name, candidates)) return;
    made.elements = element_count(first.shape).value_or(0);

    const bool floats = std::ranges::all_of(candidates, [](const Candidate& candidate) {
      return kernel::is_float(candidate.tensor->tensor.dtype);
    });
    if (!floats) {
      copy_integers(slice, std::move(made), candidates);
      return;
    }
    const bool known = std::ranges::any_of(
        candidates, [](const Candidate& candidate) { return candidate.tensor->known; });
    if (!known && is_a_rule_there()) {
      copy_unknown(slice, std::move(made), candidates);
      return;
    }
    if (candidates.size() < slice.sources.size()) {
      if (!absence_is_legal(candidates)) {
        tell_missing(slice, name, candidates);
        return;
      }
      if (candidates.size() == 1 && slice.sources.size() > 1) {
        const std::size_t input = slice.sources[candidates.front().source].input;
        made.why = fmt::format("{} alone has it", quoted(inputs_[input].model.text));
        copy(slice, std::move(made), candidates.front());
        return;
      }
    }
    merge(slice, std::move(made), candidates, t);
  }

  void mark_used(std::size_t input, const ViewTensor& tensor) {
    if (tensor.stored_names.empty()) used_.insert({input, tensor.tensor.name});
    for (const std::string_view name : tensor.stored_names)
      used_.insert({input, name});
  }

  // The embedding of a source that is tied, where it is what the source has for the head.
  [[nodiscard]] std::optional<Candidate> tied_head(const Slice& slice, std::size_t source,
                                                   std::string_view head) const {
    const std::size_t input = slice.sources[source].input;
    const Expansion* expected = inputs_[input].expected;
    if (expected == nullptr || !expected->tie.tied) return std::nullopt;
    const auto tie = std::ranges::find(expected->ties, head, &ExpectedTie::target);
    if (tie == expected->ties.end()) return std::nullopt;
    const auto embedding = views_[input].tensors.find(tie->source);
    if (embedding == views_[input].tensors.end()) return std::nullopt;
    return Candidate{.source = source, .tensor = &embedding->second};
  }

  void tell_tied(const Slice& slice, std::string_view head, const Candidate& candidate) {
    plan().notes.push_back(fmt::format("{} of {} is tied: {} stands for it", quoted(head),
                                       text_of(slice, candidate),
                                       quoted(candidate.tensor->tensor.name)));
  }

  // A tied model's embedding stands for the head that others store.
  void stand_in_for_heads(const Slice& slice, const std::string& name,
                          std::vector<Candidate>& candidates) {
    std::vector<Candidate> all;
    for (std::size_t i = 0; i < slice.sources.size(); ++i) {
      const auto there = std::ranges::find(candidates, i, &Candidate::source);
      if (there != candidates.end()) {
        all.push_back(*there);
        continue;
      }
      if (const auto head = tied_head(slice, i, name)) {
        all.push_back(*head);
        tell_tied(slice, name, *head);
      }
    }
    if (all.size() > candidates.size()) candidates = std::move(all);
  }

  bool same_shapes(const Slice& slice, const std::string& name,
                   const std::vector<Candidate>& candidates) {
    const Candidate& first = candidates.front();
    for (const Candidate& candidate : candidates) {
      if (same_shape(candidate.tensor->tensor.shape, first.tensor->tensor.shape)) continue;
      const bool vocabulary =
          first.tensor->role == Role::kEmbedding || first.tensor->role == Role::kHead;
      mistake_of(
          name, slice.at,
          fmt::format(" has shape {} in {} and {} in {}{}", shape_text(first.tensor->tensor.shape),
                      text_of(slice, first), shape_text(candidate.tensor->tensor.shape),
                      text_of(slice, candidate),
                      vocabulary ? ": 'tokenizer_source: union' (or 'base') makes one vocabulary "
                                   "of them"
                                 : ""));
      return false;
    }
    return true;
  }

  [[nodiscard]] std::string text_of(const Slice& slice, const Candidate& candidate) const {
    return quoted(inputs_[slice.sources[candidate.source].input].model.text);
  }

  [[nodiscard]] bool is_a_rule_there() const {
    return std::ranges::any_of(inputs_, [](const MergeInput& input) {
      return input.expected != nullptr && input.expected->usable;
    });
  }

  static bool absence_is_legal(const std::vector<Candidate>& candidates) {
    return std::ranges::all_of(
        candidates, [](const Candidate& candidate) { return candidate.tensor->optional; });
  }

  void tell_missing(const Slice& slice, const std::string& name,
                    const std::vector<Candidate>& candidates) {
    std::vector<std::string> without;
    for (std::size_t i = 0; i < slice.sources.size(); ++i) {
      if (std::ranges::find(candidates, i, &Candidate::source) == candidates.end())
        without.push_back(quoted(inputs_[slice.sources[i].input].model.text));
    }
    mistake_of(name, slice.at,
               fmt::format(" is in {} and not in {}", text_of(slice, candidates.front()),
                           fmt::join(without, ", ")));
  }

  void copy(const Slice& slice, PlannedTensor made, const Candidate& candidate) {
    const Tensor& tensor = candidate.tensor->tensor;
    const DType stored = candidate.tensor->stored;
    made.dtype = kernel::is_float(stored) ? target_dtype({stored}) : stored;
    const bool as_it_is = made.dtype == tensor.dtype && !candidate.tensor->adapted;
    made.action = as_it_is ? TensorAction::kCopy : TensorAction::kCast;
    made.inputs.push_back({static_cast<std::uint32_t>(slice.sources[candidate.source].input),
                           tensor, candidate.tensor->read_bytes});
    add(std::move(made));
  }

  // The candidate of the base, or of the first.
  [[nodiscard]] static const Candidate& leading(const Slice& slice,
                                                const std::vector<Candidate>& candidates) {
    if (slice.base) {
      const auto found = std::ranges::find(candidates, *slice.base, &Candidate::source);
      if (found != candidates.end()) return *found;
    }
    return candidates.front();
  }

  void copy_unknown(const Slice& slice, PlannedTensor made,
                    const std::vector<Candidate>& candidates) {
    const Candidate& from = leading(slice, candidates);
    made.why =
        fmt::format("the architecture does not have it: copied from {}", text_of(slice, from));
    copy(slice, std::move(made), from);
  }

  // Whole numbers are no weights: they must be the same everywhere.
  void copy_integers(const Slice& slice, PlannedTensor made,
                     const std::vector<Candidate>& candidates) {
    const Candidate& from = leading(slice, candidates);
    const Tensor& tensor = from.tensor->tensor;
    for (const Candidate& other : candidates) {
      if (&other == &from) continue;
      const auto same = same_bytes(tensor, other.tensor->tensor);
      if (same && *same) continue;
      if (!same) {
        mistake(slice.at, same.error().message);
        return;
      }
      mistake_of(
          made.name, slice.at,
          fmt::format(" is {} and differs between {} and {}: only floats are merged",
                      dtype_name(tensor.dtype), text_of(slice, from), text_of(slice, other)));
      return;
    }
    made.why = fmt::format("{} is not merged, and the same in all", dtype_name(tensor.dtype));
    copy(slice, std::move(made), from);
  }

  void merge(const Slice& slice, PlannedTensor made, const std::vector<Candidate>& candidates,
             double t) {
    std::vector<DType> dtypes;
    made.action = TensorAction::kMerge;
    for (const Candidate& candidate : candidates) {
      const Tensor& tensor = candidate.tensor->tensor;
      dtypes.push_back(candidate.tensor->stored);
      if (slice.base == candidate.source) made.base = made.inputs.size();
      made.inputs.push_back({static_cast<std::uint32_t>(slice.sources[candidate.source].input),
                             tensor, candidate.tensor->read_bytes});
    }
    made.dtype = target_dtype(dtypes);
    if (options_.compat) made.round_to = dtype_of_recipe(recipe_.dtype).value_or(promoted(dtypes));
    for (const ParameterRow& row : method_->parameters) {
      if (row.scope != ParameterScope::kGlobal) continue;
      const auto value = find_value(row, nullptr, slice, made.name, t);
      if (!value) {
        mistake(slice.at,
                fmt::format("{} needs '{}' for {}", method_->name, row.name, quoted(made.name)));
        return;
      }
      made.globals.push_back(*value);
    }
    for (const Candidate& candidate : candidates) {
      std::vector<double> values;
      const SliceSource& source = slice.sources[candidate.source];
      for (const ParameterRow& row : method_->parameters) {
        if (row.scope != ParameterScope::kInput) continue;
        auto value = find_value(row, source.parameters, slice, candidate.tensor->tensor.name, t);
        const bool exempt = slice.base == candidate.source && is_base_apart(*method_);
        if (!value && exempt) value = std::numeric_limits<double>::quiet_NaN();
        if (!value) {
          mistake(source.at, fmt::format("{} needs '{}' of {} for {}", method_->name, row.name,
                                         text_of(slice, candidate), quoted(made.name)));
          return;
        }
        values.push_back(*value);
      }
      made.values.push_back(std::move(values));
    }
    const MergeCase merge_case{.name = made.name,
                               .shape = made.shape,
                               .elements = made.elements,
                               .inputs = made.inputs.size(),
                               .base = made.base,
                               .globals = made.globals,
                               .values = made.values};
    if (const auto program = method_->make(merge_case); !program) {
      mistake_of(made.name, slice.at, ": " + program.error().message);
      return;
    }
    // Bytes need no arithmetic; what an adapter changes is computed, whatever the dtype.
    const Candidate& first = candidates.front();
    if (method_->is_copy != nullptr && method_->is_copy(merge_case) && !first.tensor->adapted &&
        made.dtype == first.tensor->stored && made.round_to.value_or(made.dtype) == made.dtype) {
      made.action = TensorAction::kCopy;
    }
    add(std::move(made));
  }

  // The first level that says it for this tensor.
  [[nodiscard]] std::optional<double> find_value(const ParameterRow& row, const Parameters* own,
                                                 const Slice& slice, std::string_view name,
                                                 double t) const {
    for (const Parameters* level : {own, slice.parameters, slice.of_module, &recipe_.parameters}) {
      if (level == nullptr) continue;
      const auto found = std::ranges::find(*level, row.name, &Parameter::name);
      if (found == level->end()) continue;
      if (const auto value = evaluate(*found, name, t)) return value;
    }
    return row.preset;
  }

  [[nodiscard]] DType target_dtype(const std::vector<DType>& dtypes) const {
    const std::string& asked = recipe_.out_dtype.empty() ? recipe_.dtype : recipe_.out_dtype;
    if (const auto dtype = dtype_of_recipe(asked)) return *dtype;
    return promoted(dtypes);
  }

  void add(PlannedTensor made) { plan().tensors.push_back(std::move(made)); }

>>>>>>> parity
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
