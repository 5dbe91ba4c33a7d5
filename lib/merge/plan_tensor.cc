#include "merge/plan_tensor.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "merge/kernels.h"
#include "merge/plan_config.h"

namespace shardwright {
namespace {

using Made = std::optional<PlannedTensor>;

class TensorPlanner {
 public:
  TensorPlanner(const TensorTask& task, const Wanted& wanted, TensorMistakes& mistakes)
      : task_(task),
        wanted_(wanted),
        slice_(*wanted.slice),
        candidates_(wanted.candidates),
        mistakes_(mistakes) {}

  Made run() {
    const Tensor& first = candidates_.front().tensor->tensor;
    if (!shapes_agree()) return std::nullopt;
    made_.name = wanted_.name;
    made_.shape = Shape(first.shape.begin(), first.shape.end());
    made_.elements = element_count(first.shape).value_or(0);

    const bool floats = std::ranges::all_of(candidates_, [](const Candidate& candidate) {
      return kernel::is_float(candidate.tensor->tensor.dtype);
    });
    if (!floats) return copy_integers();
    const bool known = std::ranges::any_of(
        candidates_, [](const Candidate& candidate) { return candidate.tensor->known; });
    if (!known && is_a_rule_there()) {
      return copy(leading(), fmt::format("the architecture does not have it: copied from {}",
                                         text_of(leading())));
    }
    if (candidates_.size() < slice_.sources.size()) {
      if (!absence_is_legal()) return tell_missing();
      if (candidates_.size() == 1) {
        const Candidate& only = candidates_.front();
        return copy(only, fmt::format("{} alone has it", text_of(only)));
      }
    }
    return merge();
  }

 private:
  // Says why there is no tensor.
  Made refuse(Mark at, std::string message) {
    mistakes_.add(wanted_.name, at, std::move(message));
    return std::nullopt;
  }

  bool shapes_agree() {
    const Candidate& first = candidates_.front();
    for (const Candidate& candidate : candidates_) {
      if (same_shape(candidate.tensor->tensor.shape, first.tensor->tensor.shape)) continue;
      const bool vocabulary =
          first.tensor->role == Role::kEmbedding || first.tensor->role == Role::kHead;
      refuse(slice_.at, fmt::format(" has shape {} in {} and {} in {}{}",
                                    shape_text(first.tensor->tensor.shape), text_of(first),
                                    shape_text(candidate.tensor->tensor.shape), text_of(candidate),
                                    vocabulary ? ": 'tokenizer_source: union' (or 'base') makes "
                                                 "one vocabulary of them"
                                               : ""));
      return false;
    }
    return true;
  }

  [[nodiscard]] bool is_a_rule_there() const {
    return std::ranges::any_of(task_.inputs, [](const MergeInput& input) {
      return input.expected != nullptr && input.expected->usable;
    });
  }

  [[nodiscard]] bool absence_is_legal() const {
    return std::ranges::all_of(
        candidates_, [](const Candidate& candidate) { return candidate.tensor->optional; });
  }

  Made tell_missing() {
    std::vector<std::string> without;
    for (std::size_t i = 0; i < slice_.sources.size(); ++i) {
      if (std::ranges::find(candidates_, i, &Candidate::source) == candidates_.end())
        without.push_back(quoted(input_of(i).model.text));
    }
    return refuse(slice_.at, fmt::format(" is in {} and not in {}", text_of(candidates_.front()),
                                         fmt::join(without, ", ")));
  }

  // The candidate of the base, or of the first.
  [[nodiscard]] const Candidate& leading() const {
    if (slice_.base) {
      const auto found = std::ranges::find(candidates_, *slice_.base, &Candidate::source);
      if (found != candidates_.end()) return *found;
    }
    return candidates_.front();
  }

  Made copy(const Candidate& candidate, std::string why) {
    const Tensor& tensor = candidate.tensor->tensor;
    const DType stored = candidate.tensor->stored;
    made_.dtype = kernel::is_float(stored) ? target_dtype({stored}) : stored;
    const bool as_it_is = made_.dtype == tensor.dtype && !candidate.tensor->adapted;
    made_.action = as_it_is ? TensorAction::kCopy : TensorAction::kCast;
    made_.why = std::move(why);
    add_input(candidate);
    return std::move(made_);
  }

  // Whole numbers are no weights: they must be the same everywhere.
  Made copy_integers() {
    const Candidate& from = leading();
    const Tensor& tensor = from.tensor->tensor;
    for (const Candidate& other : candidates_) {
      if (&other == &from) continue;
      const auto same = same_bytes(tensor, other.tensor->tensor);
      if (!same) return refuse(slice_.at, ": " + same.error().message);
      if (*same) continue;
      return refuse(slice_.at,
                    fmt::format(" is {} and differs between {} and {}: only floats are merged",
                                dtype_name(tensor.dtype), text_of(from), text_of(other)));
    }
    return copy(from,
                fmt::format("{} is not merged, and the same in all", dtype_name(tensor.dtype)));
  }

  Made merge() {
    std::vector<DType> dtypes;
    for (const Candidate& candidate : candidates_) {
      dtypes.push_back(candidate.tensor->stored);
      if (slice_.base == candidate.source) made_.base = made_.inputs.size();
      add_input(candidate);
    }
    made_.action = TensorAction::kMerge;
    made_.dtype = target_dtype(dtypes);
    if (task_.compat)
      made_.round_to = dtype_of_recipe(task_.recipe.dtype).value_or(promoted(dtypes));
    if (!take_values()) return std::nullopt;
    const MergeCase merge_case{.name = made_.name,
                               .shape = made_.shape,
                               .elements = made_.elements,
                               .inputs = made_.inputs.size(),
                               .base = made_.base,
                               .globals = made_.globals,
                               .values = made_.values};
    if (const auto program = task_.method.make(merge_case); !program)
      return refuse(slice_.at, ": " + program.error().message);
    // Bytes need no arithmetic; what an adapter changes is computed, whatever the dtype.
    const Candidate& first = candidates_.front();
    if (task_.method.is_copy != nullptr && task_.method.is_copy(merge_case) &&
        !first.tensor->adapted && made_.dtype == first.tensor->stored &&
        made_.round_to.value_or(made_.dtype) == made_.dtype) {
      made_.action = TensorAction::kCopy;
    }
    return std::move(made_);
  }

  // The values of the method's parameters.
  bool take_values() {
    for (const ParameterRow& row : task_.method.parameters) {
      if (row.scope != ParameterScope::kGlobal) continue;
      const auto value = find_value(row, nullptr, made_.name);
      if (!value) {
        refuse(slice_.at, fmt::format(" has no '{}', which {} needs", row.name, task_.method.name));
        return false;
      }
      made_.globals.push_back(*value);
    }
    for (const Candidate& candidate : candidates_) {
      const SliceSource& source = slice_.sources[candidate.source];
      const bool is_exempt = slice_.base == candidate.source && is_base_apart(task_.method);
      std::vector<double>& values = made_.values.emplace_back();
      for (const ParameterRow& row : task_.method.parameters) {
        if (row.scope != ParameterScope::kInput) continue;
        auto value = find_value(row, source.parameters, candidate.tensor->tensor.name);
        if (!value && is_exempt) value = std::numeric_limits<double>::quiet_NaN();
        if (!value) {
          refuse(source.at, fmt::format(" has no '{}' of {}, which {} needs", row.name,
                                        text_of(candidate), task_.method.name));
          return false;
        }
        values.push_back(*value);
      }
    }
    return true;
  }

  // The first level that says it for this tensor.
  [[nodiscard]] std::optional<double> find_value(const ParameterRow& row, const Parameters* own,
                                                 std::string_view name) const {
    for (const Parameters* level :
         {own, slice_.parameters, slice_.of_module, &task_.recipe.parameters}) {
      if (level == nullptr) continue;
      const auto found = std::ranges::find(*level, row.name, &Parameter::name);
      if (found == level->end()) continue;
      if (const auto value = evaluate(*found, name, wanted_.place)) return value;
    }
    return row.preset;
  }

  [[nodiscard]] DType target_dtype(const std::vector<DType>& dtypes) const {
    const Recipe& recipe = task_.recipe;
    const std::string& asked = recipe.out_dtype.empty() ? recipe.dtype : recipe.out_dtype;
    return dtype_of_recipe(asked).value_or(promoted(dtypes));
  }

  void add_input(const Candidate& candidate) {
    const std::size_t input = slice_.sources[candidate.source].input;
    made_.inputs.push_back({static_cast<std::uint32_t>(input), candidate.tensor->tensor,
                            candidate.tensor->read_bytes});
  }

  [[nodiscard]] const MergeInput& input_of(std::size_t source) const {
    return task_.inputs[slice_.sources[source].input];
  }

  [[nodiscard]] std::string text_of(const Candidate& candidate) const {
    return quoted(input_of(candidate.source).model.text);
  }

  const TensorTask& task_;
  const Wanted& wanted_;
  const Slice& slice_;
  const std::vector<Candidate>& candidates_;
  TensorMistakes& mistakes_;
  PlannedTensor made_;
};

}  // namespace

Made plan_tensor(const TensorTask& task, const Wanted& wanted, TensorMistakes& mistakes) {
  return TensorPlanner(task, wanted, mistakes).run();
}

}  // namespace shardwright
