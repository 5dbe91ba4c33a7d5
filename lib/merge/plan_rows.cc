#include "merge/plan_rows.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "merge/parts.h"
#include "merge/plan_config.h"
#include "merge/row_source.h"
#include "merge/token_rows.h"

namespace shardwright {
namespace {

class RowPlanner {
 public:
  RowPlanner(const TokenizerTask& task, const PlannedVocabulary& vocabulary,
             std::vector<View>& views, MergePlan& plan, std::vector<Mistake>& mistakes)
      : task_(task), vocabulary_(vocabulary), views_(views), plan_(plan), mistakes_(mistakes) {}

  void run() {
    const TokenizerRecipe& recipe = *task_.recipe.tokenizer;
    std::vector<TokenInput> inputs;
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      inputs.push_back({.model = &task_.inputs[i].model,
                        .vocabulary = &vocabulary_.inputs[i],
                        .rows = vocabulary_.rows[i],
                        .merged = task_.merged[i]});
    }
    auto rows = std::make_shared<TokenRows>(
        rows_of_tokens(vocabulary_.tokens, vocabulary_.size, inputs, task_.donor,
                       keeps_padding(task_), recipe, mistakes_));
    if (!rows->unknown.empty()) {
      plan_.notes.push_back(
          fmt::format("no model that is merged has a row for {}: zeros; a 'source' "
                      "under 'tokens' gives one",
                      some_tokens(rows->unknown)));
    }
    tell_padding();
    tokens_ = std::move(rows);
    stand_in();
    gather(recipe.at);
  }

 private:
  void mistake(Mark at, std::string message) { mistakes_.push_back({at, std::move(message)}); }

  void tell_padding() {
    const std::uint64_t tokens = vocabulary_.tokens.end();
    if (tokens < vocabulary_.size) {
      plan_.notes.push_back(fmt::format("the result has {} rows and {} tokens: {} are padding",
                                        vocabulary_.size, tokens, vocabulary_.size - tokens));
    }
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      const std::uint64_t own = vocabulary_.inputs[i].end();
      if (!task_.merged[i] || own >= vocabulary_.rows[i] || vocabulary_.rows[i] <= vocabulary_.size)
        continue;
      plan_.notes.push_back(fmt::format(
          "{} has {} rows and {} tokens: the result has no more than {}, so that rows of "
          "no token are left out; 'pad_to_multiple_of' pads it",
          name_of_input(task_, i), vocabulary_.rows[i], own, vocabulary_.size));
    }
  }

  // Where one input stores a head, those that are tied have their embedding as theirs.
  void stand_in() {
    std::set<std::string_view> heads;
    for (const View& view : views_) {
      for (const auto& [name, tensor] : view.tensors) {
        if (tensor.role == Role::kHead) heads.insert(name);
      }
    }
    for (std::size_t i = 0; i < views_.size(); ++i) {
      const Expansion& expected = *task_.inputs[i].expected;
      if (!expected.tie.tied) continue;
      for (const std::string_view head : heads) {
        const auto tie = std::ranges::find(expected.ties, head, &ExpectedTie::target);
        if (views_[i].tensors.contains(head) || tie == expected.ties.end()) continue;
        const auto embedding = views_[i].tensors.find(tie->source);
        if (embedding == views_[i].tensors.end()) continue;
        ViewTensor seen = embedding->second;
        seen.role = Role::kHead;
        views_[i].tensors[head] = seen;
        plan_.notes.push_back(fmt::format("{} of {} is tied: {} stands for it", quoted(head),
                                          name_of_input(task_, i), quoted(tie->source)));
      }
    }
  }

  void gather(Mark at) {
    const std::vector<View> stored = views_;
    for (std::size_t i = 0; i < views_.size(); ++i) {
      if (!task_.merged[i] || is_as_stored(tokens_->inputs[i], i, vocabulary_.rows[i])) continue;
      for (auto& [name, tensor] : views_[i].tensors) {
        if (is_of_tokens(tensor)) gather_one(at, stored, i, name, tensor);
      }
    }
  }

  void gather_one(Mark at, const std::vector<View>& stored, std::size_t input,
                  std::string_view name, ViewTensor& tensor) {
    const std::set<std::uint32_t> needed = needed_by(input);
    RowGather gather{
        .matrices = std::vector<Tensor>(stored.size()), .tokens = tokens_, .input = input};
    std::vector<DType> dtypes = {tensor.tensor.dtype};
    for (const std::uint32_t model : needed) {
      const auto found = stored[model].tensors.find(name);
      if (found == stored[model].tensors.end()) {
        mistake(at, fmt::format("{} needs rows of {}, which has no tensor of that name",
                                quoted(name), name_of_input(task_, model)));
        return;
      }
      const Tensor& matrix = found->second.tensor;
      if (!same_shape(matrix.shape.subspan(1), tensor.tensor.shape.subspan(1))) {
        mistake(at, fmt::format(
                        "{} has shape {} in {} and {} in {}: their rows cannot be exchanged",
                        quoted(name), shape_text(tensor.tensor.shape), name_of_input(task_, input),
                        shape_text(matrix.shape), name_of_input(task_, model)));
        return;
      }
      gather.matrices[model] = matrix;
      dtypes.push_back(matrix.dtype);
    }
    if (task_.compat)
      gather.round_to = dtype_of_recipe(task_.recipe.dtype).value_or(promoted(dtypes));
    Shape shape(tensor.tensor.shape.begin(), tensor.tensor.shape.end());
    shape.front() = vocabulary_.size;
    if (!size_in_bytes(DType::kF64, shape)) {
      mistake(at, fmt::format("{} would have the shape {}", quoted(name), shape_text(shape)));
      return;
    }
    auto source = std::make_shared<RowSource>(std::move(gather), tensor.tensor);
    tensor.read_bytes = tensor.read_bytes /
                        std::max<std::uint64_t>(1, tensor.tensor.shape.front()) * vocabulary_.size;
    tensor.tensor = source->tensor();
    plan_.sources.push_back(std::move(source));
  }

  // The inputs that rows of this one come from.
  [[nodiscard]] std::set<std::uint32_t> needed_by(std::size_t input) const {
    std::set<std::uint32_t> needed;
    for (const TokenRow& row : tokens_->inputs[input]) {
      if (row.kind == TokenRow::Kind::kRow) needed.insert(row.place.model);
      if (row.kind != TokenRow::Kind::kMean) continue;
      for (const RowPlace& place : tokens_->means[row.place.row])
        needed.insert(place.model);
    }
    return needed;
  }

  const TokenizerTask& task_;
  const PlannedVocabulary& vocabulary_;
  std::vector<View>& views_;
  MergePlan& plan_;
  std::vector<Mistake>& mistakes_;
  std::shared_ptr<const TokenRows> tokens_;
};

}  // namespace

void plan_rows(const TokenizerTask& task, const PlannedVocabulary& vocabulary,
               std::vector<View>& views, MergePlan& plan, std::vector<Mistake>& mistakes) {
  RowPlanner(task, vocabulary, views, plan, mistakes).run();
}

}  // namespace shardwright
