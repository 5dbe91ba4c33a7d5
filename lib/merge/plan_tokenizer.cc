#include "merge/plan_tokenizer.h"

#include <algorithm>
#include <memory>
#include <set>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/try.h"
#include "base/utf8.h"
#include "merge/chat_template.h"
#include "merge/kernels.h"
#include "merge/parts.h"
#include "merge/plan_config.h"
#include "merge/row_source.h"
#include "merge/token_ids.h"
#include "merge/token_rows.h"
#include "merge/tokenizer_files.h"

namespace shardwright {
namespace {

// An id beyond this is a mistake of the file: the largest vocabularies have 262,144 tokens.
constexpr std::uint64_t kMostRows = 1ULL << 24U;
// Tokens that a message names of many.
constexpr std::size_t kNamed = 3;

std::string some_of(const std::vector<std::string>& tokens) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(kNamed, tokens.size()); ++i)
    names.push_back(quoted(tokens[i], 60));
  const std::string text = fmt::format("{}", fmt::join(names, ", "));
  return tokens.size() > kNamed ? fmt::format("{} and {} more", text, tokens.size() - kNamed)
                                : text;
}

bool is_of_tokens(const ViewTensor& tensor) {
  return tensor.role == Role::kEmbedding || tensor.role == Role::kHead;
}

class TokenizerPlanner {
 public:
  TokenizerPlanner(const TokenizerTask& task, std::vector<View>& views, MergePlan& plan,
                   std::vector<Mistake>& mistakes)
      : task_(task), views_(views), plan_(plan), mistakes_(mistakes) {}

  void run() {
    source_ = task_.donor;
    if (!task_.recipe.chat_template.empty()) choose_template();
    const bool planned = !task_.recipe.tokenizer || plan_vocabulary(*task_.recipe.tokenizer);
    if (planned && mistakes_.empty()) plan_files();
    std::ranges::stable_sort(mistakes_, {}, &Mistake::at);
  }

 private:
  void mistake(Mark at, std::string message) { mistakes_.push_back({at, std::move(message)}); }

  [[nodiscard]] std::string text_of(std::size_t input) const {
    return quoted(task_.inputs[input].model.text);
  }

  // --- vocabularies ----------------------------------------------------------------------------

  bool plan_vocabulary(const TokenizerRecipe& recipe) {
    if (recipe.kind == TokenizerRecipe::Kind::kModel)
      source_ = input_of(task_.inputs, recipe.model);
    const std::size_t before = mistakes_.size();
    read_vocabularies(recipe);
    count_rows(recipe);
    if (mistakes_.size() > before) return false;
    make_result(recipe);
    if (mistakes_.size() > before) return false;
    map_rows(recipe);
    if (mistakes_.size() > before) return false;
    set_config_values();
    return mistakes_.size() == before;
  }

  void read_vocabularies(const TokenizerRecipe& recipe) {
    const std::size_t before = mistakes_.size();
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      auto vocabulary = read_vocabulary(*task_.inputs[i].checkpoint);
      if (!vocabulary) {
        mistake(recipe.at, fmt::format("the tokenizer of {} cannot be used: {}", text_of(i),
                                       vocabulary.error().message));
        vocabularies_.emplace_back();
        continue;
      }
      vocabularies_.push_back(*std::move(vocabulary));
    }
    if (mistakes_.size() > before) return;
    if (!vocabularies_[source_]) {
      mistake(recipe.at, fmt::format("{} has no tokenizer: name a model that has one as the source",
                                     text_of(source_)));
      return;
    }
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      if (vocabularies_[i]) continue;
      const std::size_t other = vocabularies_[task_.donor] ? task_.donor : source_;
      vocabularies_[i] = vocabularies_[other];
      plan_.notes.push_back(
          fmt::format("{} has no tokenizer: its tokens are taken to be those of {}", text_of(i),
                      text_of(other)));
    }
  }

  // The rows of each input's embedding.
  void count_rows(const TokenizerRecipe& recipe) {
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      rows_.push_back(0);
      const MergeInput& input = task_.inputs[i];
      if (input.expected == nullptr || !input.expected->vocabulary) {
        mistake(recipe.at,
                fmt::format("which tensors of {} have a row for each token is not known: "
                            "no rule describes it",
                            text_of(i)));
        continue;
      }
      rows_.back() = *input.expected->vocabulary;
      for (const auto& [name, tensor] : views_[i].tensors) {
        if (!is_of_tokens(tensor)) continue;
        const ShapeView shape = tensor.tensor.shape;
        if (!shape.empty() && shape.front() == rows_.back() &&
            kernel::is_float(tensor.tensor.dtype))
          continue;
        mistake(
            recipe.at,
            fmt::format("{} of {} is {} {}: it cannot be given a row for each token, of which its "
                        "config has {}",
                        quoted(name), text_of(i), dtype_name(tensor.tensor.dtype),
                        shape_text(shape), rows_.back()));
      }
    }
  }

  void make_result(const TokenizerRecipe& recipe) {
    result_ = *vocabularies_[source_];
    strip(recipe);
    if (recipe.kind == TokenizerRecipe::Kind::kUnion) add_others();
    for (const TokenRule& rule : recipe.tokens) {
      if (!result_.find(rule.token)) add(rule.token, plain_entry(rule.token));
    }
    const std::uint64_t multiple = std::max<std::uint64_t>(1, recipe.pad_to_multiple_of);
    const std::uint64_t end = result_.end();
    tell_stripped();
    if (!judge_ids(recipe)) return;
    if (end > kMostRows || multiple > kMostRows) {
      mistake(recipe.at,
              fmt::format("a vocabulary of {} rows is more than the {} that there may be",
                          std::max(end, multiple), kMostRows));
      return;
    }
    size_ = (end + multiple - 1) / multiple * multiple;
    if (keeps_padding(recipe)) size_ = std::max(size_, rows_[source_]);
  }

  // Whoever pads a model's matrices wants them so; the peer cuts the rows off.
  [[nodiscard]] bool keeps_padding(const TokenizerRecipe& recipe) const {
    return !task_.compat && recipe.pad_to_multiple_of == 0;
  }

  // Tokens of the source that its embedding has no row for.
  void strip(const TokenizerRecipe& recipe) {
    const std::uint64_t rows = rows_[source_];
    if (!result_.model.empty() && result_.model.back().first >= rows) {
      mistake(recipe.at,
              fmt::format("the token {} of {} has the id {}, and the embedding has {} rows",
                          quoted(result_.model.back().second, 60), text_of(source_),
                          result_.model.back().first, rows));
      return;
    }
    for (const AddedEntry& entry : result_.added) {
      if (entry.id < rows) continue;
      gone_.push_back(entry.text);
      result_.ids.erase(entry.text);
    }
    stripped_ = !gone_.empty();
    if (!stripped_) return;
    std::erase_if(result_.added, [rows](const AddedEntry& entry) { return entry.id >= rows; });
    result_.added_end = 0;
    for (const AddedEntry& entry : result_.added)
      result_.added_end = std::max(result_.added_end, entry.id + 1);
  }

  // Of the tokens that were stripped, what no other model and no rule brought back.
  void tell_stripped() {
    std::erase_if(gone_, [this](const std::string& token) { return result_.find(token); });
    if (gone_.empty()) return;
    plan_.notes.push_back(
        fmt::format("{} of {} {} no row in its embedding, and {} no token of the "
                    "result",
                    some_of(gone_), text_of(source_), gone_.size() == 1 ? "has" : "have",
                    gone_.size() == 1 ? "is" : "are"));
  }

  // Loaders count on from the number of the model's tokens, whatever their ids are.
  bool judge_ids(const TokenizerRecipe& recipe) {
    if (result_.ids.empty()) {
      mistake(recipe.at, fmt::format("the tokenizer of {} has no token", text_of(source_)));
      return false;
    }
    std::unordered_set<std::uint64_t> taken;
    for (const auto& [id, token] : result_.model)
      taken.insert(id);
    for (const AddedEntry& entry : result_.added) {
      if (entry.in_model || !taken.contains(entry.id)) continue;
      mistake(
          recipe.at,
          fmt::format("the token {} would get the id {}, which another token of {} has: the ids "
                      "of its vocabulary have holes",
                      quoted(entry.text, 60), entry.id, text_of(source_)));
      return false;
    }
    return true;
  }

  void add(const std::string& token, json::Value entry) {
    add_token(result_, token, std::move(entry));
    ++added_;
  }

  // First the tokens that models have in their vocabulary, then those that were added to them.
  void add_others() {
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      if (!task_.merged[i]) continue;
      const Vocabulary& other = *vocabularies_[i];
      std::set<std::string_view> added;
      for (const AddedEntry& entry : other.added)
        added.insert(entry.text);
      for (const auto& [id, token] : other.model) {
        if (id < rows_[i] && !added.contains(token) && !result_.find(token))
          add(token, plain_entry(token));
      }
    }
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      if (!task_.merged[i]) continue;
      for (const AddedEntry& entry : vocabularies_[i]->added) {
        if (entry.id < rows_[i] && !result_.find(entry.text)) add(entry.text, entry.entry);
      }
    }
  }

  // --- rows ------------------------------------------------------------------------------------

  void map_rows(const TokenizerRecipe& recipe) {
    std::vector<TokenInput> inputs;
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      inputs.push_back({.model = &task_.inputs[i].model,
                        .vocabulary = &*vocabularies_[i],
                        .rows = rows_[i],
                        .merged = task_.merged[i]});
    }
    auto rows = std::make_shared<TokenRows>(rows_of_tokens(
        result_, size_, inputs, task_.donor, keeps_padding(recipe), recipe, mistakes_));
    if (!rows->unknown.empty()) {
      plan_.notes.push_back(
          fmt::format("no model that is merged has a row for {}: zeros; a 'source' "
                      "under 'tokens' gives one",
                      some_of(rows->unknown)));
    }
    tell_padding();
    tokens_ = std::move(rows);
    stand_in();
    gather(recipe.at);
  }

  void tell_padding() {
    const std::uint64_t tokens = result_.end();
    if (tokens < size_) {
      plan_.notes.push_back(fmt::format("the result has {} rows and {} tokens: {} are padding",
                                        size_, tokens, size_ - tokens));
    }
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      const std::uint64_t own = vocabularies_[i]->end();
      if (!task_.merged[i] || own >= rows_[i] || rows_[i] <= size_) continue;
      plan_.notes.push_back(fmt::format(
          "{} has {} rows and {} tokens: the result has no more than {}, so that rows of "
          "no token are left out; 'pad_to_multiple_of' pads it",
          text_of(i), rows_[i], own, size_));
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
                                          text_of(i), quoted(tie->source)));
      }
    }
  }

  void gather(Mark at) {
    const std::vector<View> stored = views_;
    for (std::size_t i = 0; i < views_.size(); ++i) {
      if (!task_.merged[i] || is_as_stored(tokens_->inputs[i], i, rows_[i])) continue;
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
                                quoted(name), text_of(model)));
        return;
      }
      const Tensor& matrix = found->second.tensor;
      if (!same_shape(matrix.shape.subspan(1), tensor.tensor.shape.subspan(1))) {
        mistake(at,
                fmt::format("{} has shape {} in {} and {} in {}: their rows cannot be exchanged",
                            quoted(name), shape_text(tensor.tensor.shape), text_of(input),
                            shape_text(matrix.shape), text_of(model)));
        return;
      }
      gather.matrices[model] = matrix;
      dtypes.push_back(matrix.dtype);
    }
    if (task_.compat)
      gather.round_to = dtype_of_recipe(task_.recipe.dtype).value_or(promoted(dtypes));
    Shape shape(tensor.tensor.shape.begin(), tensor.tensor.shape.end());
    shape.front() = size_;
    if (!size_in_bytes(DType::kF64, shape)) {
      mistake(at, fmt::format("{} would have the shape {}", quoted(name), shape_text(shape)));
      return;
    }
    auto source = std::make_shared<RowSource>(std::move(gather), tensor.tensor);
    tensor.read_bytes =
        tensor.read_bytes / std::max<std::uint64_t>(1, tensor.tensor.shape.front()) * size_;
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

  // --- files -----------------------------------------------------------------------------------

  void set_config_values() {
    const MergeInput& donor = task_.inputs[task_.donor];
    if (size_ != rows_[task_.donor] && !donor.expected->vocabulary_pointer.empty()) {
      plan_.config_values.push_back({donor.expected->vocabulary_pointer, std::to_string(size_)});
    }
    map_token_ids({.from = *vocabularies_[task_.donor],
                   .to = result_,
                   .donor = *donor.checkpoint,
                   .source = *task_.inputs[source_].checkpoint},
                  plan_);
  }

  void plan_files() {
    const Checkpoint& source = *task_.inputs[source_].checkpoint;
    const bool changed = added_ > 0 || stripped_;
    const Mark at =
        task_.recipe.tokenizer ? task_.recipe.tokenizer->at : task_.recipe.chat_template_at;
    if (source_ == task_.donor && !changed && task_.recipe.chat_template.empty()) return;
    auto files = tokenizer_files_of(source);
    if (!files) {
      mistake(at, fmt::format("the tokenizer of {} cannot be read: {}", text_of(source_),
                              files.error().message));
      return;
    }
    std::vector<PlannedText> as_they_are;
    if (source_ == task_.donor) as_they_are = *files;
    Status status = changed ? set_vocabulary(*files, result_, gone_) : ok();
    if (status && !task_.recipe.chat_template.empty()) status = give_template(*files);
    if (!status) {
      mistake(at, status.error().message);
      return;
    }
    if (source_ != task_.donor) {
      for (const FolderEntry& entry : task_.inputs[task_.donor].checkpoint->folder->entries()) {
        if (is_tokenizer_file(entry.name)) plan_.left.push_back(entry.name);
      }
    }
    for (PlannedText& file : *files) {
      const auto same = std::ranges::find(as_they_are, file.name, &PlannedText::name);
      if (same != as_they_are.end() && same->text == file.text) continue;  // carried
      plan_.files.push_back(std::move(file));
    }
  }

  void choose_template() {
    std::vector<const Checkpoint*> models;
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      if (task_.merged[i]) models.push_back(task_.inputs[i].checkpoint);
    }
    auto text = chosen_chat_template(task_.recipe.chat_template, models);
    if (text) {
      template_ = *std::move(text);
    } else {
      mistake(task_.recipe.chat_template_at, text.error().message);
    }
  }

  Status give_template(std::vector<PlannedText>& files) {
    if (!files.empty()) return set_chat_template(files, template_);
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("'chat_template' is a part of a tokenizer, and {} has none", text_of(source_))};
  }

  const TokenizerTask& task_;
  std::vector<View>& views_;
  MergePlan& plan_;
  std::vector<Mistake>& mistakes_;
  std::vector<std::optional<Vocabulary>> vocabularies_;  // by input
  std::vector<std::uint64_t> rows_;                      // of the embedding, by input
  std::size_t source_{};  // the input whose files the tokenizer is made from
  std::string template_;  // that the recipe asks for
  Vocabulary result_;
  std::vector<std::string> gone_;  // tokens of the source that the result has not
  bool stripped_{};                // the source has tokens without a row
  std::size_t added_{};            // tokens that the source has not
  std::uint64_t size_{};           // rows of the result
  std::shared_ptr<const TokenRows> tokens_;
};

}  // namespace

void plan_tokenizer(const TokenizerTask& task, std::vector<View>& views, MergePlan& plan,
                    std::vector<Mistake>& mistakes) {
  TokenizerPlanner(task, views, plan, mistakes).run();
}

}  // namespace shardwright
