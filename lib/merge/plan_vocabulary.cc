#include "merge/plan_vocabulary.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "merge/kernels.h"
#include "merge/tokenizer_files.h"

namespace shardwright {
namespace {

// An id beyond this is a mistake of the file: the largest vocabularies have 262,144 tokens.
constexpr std::uint64_t kMostRows = 1ULL << 24U;

class VocabularyPlanner {
 public:
  VocabularyPlanner(const TokenizerTask& task, std::size_t source, const std::vector<View>& views,
                    MergePlan& plan, std::vector<Mistake>& mistakes)
      : task_(task),
        recipe_(*task.recipe.tokenizer),
        source_(source),
        views_(views),
        plan_(plan),
        mistakes_(mistakes) {}

  std::optional<PlannedVocabulary> run() {
    const std::size_t before = mistakes_.size();
    read_vocabularies();
    count_rows();
    if (mistakes_.size() > before) return std::nullopt;
    make_result();
    if (mistakes_.size() > before) return std::nullopt;
    for (std::optional<Vocabulary>& vocabulary : vocabularies_)
      done_.inputs.push_back(*std::move(vocabulary));
    return std::move(done_);
  }

 private:
  void mistake(Mark at, std::string message) { mistakes_.push_back({at, std::move(message)}); }

  void read_vocabularies() {
    const std::size_t before = mistakes_.size();
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      auto vocabulary = read_vocabulary(*task_.inputs[i].checkpoint);
      if (!vocabulary) {
        mistake(recipe_.at, fmt::format("the tokenizer of {} cannot be used: {}",
                                        name_of_input(task_, i), vocabulary.error().message));
        vocabularies_.emplace_back();
        continue;
      }
      vocabularies_.push_back(*std::move(vocabulary));
    }
    if (mistakes_.size() > before) return;
    if (!vocabularies_[source_]) {
      mistake(recipe_.at,
              fmt::format("{} has no tokenizer: name a model that has one as the source",
                          name_of_input(task_, source_)));
      return;
    }
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      if (vocabularies_[i]) continue;
      const std::size_t other = vocabularies_[task_.donor] ? task_.donor : source_;
      vocabularies_[i] = vocabularies_[other];
      plan_.notes.push_back(
          fmt::format("{} has no tokenizer: its tokens are taken to be those of {}",
                      name_of_input(task_, i), name_of_input(task_, other)));
    }
  }

  // The rows of each input's embedding.
  void count_rows() {
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      done_.rows.push_back(0);
      const MergeInput& input = task_.inputs[i];
      if (input.expected == nullptr || !input.expected->vocabulary) {
        mistake(recipe_.at,
                fmt::format("which tensors of {} have a row for each token is not known: "
                            "no rule describes it",
                            name_of_input(task_, i)));
        continue;
      }
      done_.rows.back() = *input.expected->vocabulary;
      for (const auto& [name, tensor] : views_[i].tensors) {
        if (!is_of_tokens(tensor)) continue;
        const ShapeView shape = tensor.tensor.shape;
        if (!shape.empty() && shape.front() == done_.rows.back() &&
            kernel::is_float(tensor.tensor.dtype))
          continue;
        mistake(
            recipe_.at,
            fmt::format("{} of {} is {} {}: it cannot be given a row for each token, of which its "
                        "config has {}",
                        quoted(name), name_of_input(task_, i), dtype_name(tensor.tensor.dtype),
                        shape_text(shape), done_.rows.back()));
      }
    }
  }

  void make_result() {
    done_.tokens = *vocabularies_[source_];
    strip();
    if (recipe_.kind == TokenizerRecipe::Kind::kUnion) add_others();
    for (const TokenRule& rule : recipe_.tokens) {
      if (!done_.tokens.find(rule.token)) add(rule.token, plain_entry(rule.token));
    }
    const std::uint64_t multiple = std::max<std::uint64_t>(1, recipe_.pad_to_multiple_of);
    const std::uint64_t end = done_.tokens.end();
    tell_stripped();
    if (!judge_ids()) return;
    if (end > kMostRows || multiple > kMostRows) {
      mistake(recipe_.at,
              fmt::format("a vocabulary of {} rows is more than the {} that there may be",
                          std::max(end, multiple), kMostRows));
      return;
    }
    done_.size = (end + multiple - 1) / multiple * multiple;
    if (keeps_padding(task_)) done_.size = std::max(done_.size, done_.rows[source_]);
  }

  // Tokens of the source that its embedding has no row for.
  void strip() {
    const std::uint64_t rows = done_.rows[source_];
    if (!done_.tokens.model.empty() && done_.tokens.model.back().first >= rows) {
      mistake(recipe_.at,
              fmt::format("the token {} of {} has the id {}, and the embedding has {} rows",
                          quoted(done_.tokens.model.back().second, 60),
                          name_of_input(task_, source_), done_.tokens.model.back().first, rows));
      return;
    }
    for (const AddedEntry& entry : done_.tokens.added) {
      if (entry.id < rows) continue;
      done_.gone.push_back(entry.text);
      done_.tokens.ids.erase(entry.text);
    }
    if (done_.gone.empty()) return;
    done_.changed = true;
    std::erase_if(done_.tokens.added, [rows](const AddedEntry& entry) { return entry.id >= rows; });
    done_.tokens.added_end = 0;
    for (const AddedEntry& entry : done_.tokens.added)
      done_.tokens.added_end = std::max(done_.tokens.added_end, entry.id + 1);
  }

  // Of the tokens that were stripped, what no other model and no rule brought back.
  void tell_stripped() {
    std::erase_if(done_.gone,
                  [this](const std::string& token) { return done_.tokens.find(token); });
    if (done_.gone.empty()) return;
    plan_.notes.push_back(fmt::format(
        "{} of {} {} no row in its embedding, and {} no token of the "
        "result",
        some_tokens(done_.gone), name_of_input(task_, source_),
        done_.gone.size() == 1 ? "has" : "have", done_.gone.size() == 1 ? "is" : "are"));
  }

  // Loaders count on from the number of the model's tokens, whatever their ids are.
  bool judge_ids() {
    if (done_.tokens.ids.empty()) {
      mistake(recipe_.at,
              fmt::format("the tokenizer of {} has no token", name_of_input(task_, source_)));
      return false;
    }
    std::unordered_set<std::uint64_t> taken;
    for (const auto& [id, token] : done_.tokens.model)
      taken.insert(id);
    for (const AddedEntry& entry : done_.tokens.added) {
      if (entry.in_model || !taken.contains(entry.id)) continue;
      mistake(
          recipe_.at,
          fmt::format("the token {} would get the id {}, which another token of {} has: the ids "
                      "of its vocabulary have holes",
                      quoted(entry.text, 60), entry.id, name_of_input(task_, source_)));
      return false;
    }
    return true;
  }

  void add(const std::string& token, json::Value entry) {
    add_token(done_.tokens, token, std::move(entry));
    done_.changed = true;
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
        if (id < done_.rows[i] && !added.contains(token) && !done_.tokens.find(token))
          add(token, plain_entry(token));
      }
    }
    for (std::size_t i = 0; i < task_.inputs.size(); ++i) {
      if (!task_.merged[i]) continue;
      for (const AddedEntry& entry : vocabularies_[i]->added) {
        if (entry.id < done_.rows[i] && !done_.tokens.find(entry.text))
          add(entry.text, entry.entry);
      }
    }
  }

  const TokenizerTask& task_;
  const TokenizerRecipe& recipe_;
  std::size_t source_;
  const std::vector<View>& views_;
  MergePlan& plan_;
  std::vector<Mistake>& mistakes_;
  std::vector<std::optional<Vocabulary>> vocabularies_;  // by input
  PlannedVocabulary done_;
};

}  // namespace

std::optional<PlannedVocabulary> plan_vocabulary(const TokenizerTask& task, std::size_t source,
                                                 const std::vector<View>& views, MergePlan& plan,
                                                 std::vector<Mistake>& mistakes) {
  return VocabularyPlanner(task, source, views, plan, mistakes).run();
}

bool keeps_padding(const TokenizerTask& task) {
  return !task.compat && task.recipe.tokenizer->pad_to_multiple_of == 0;
}

bool is_of_tokens(const ViewTensor& tensor) {
  return tensor.role == Role::kEmbedding || tensor.role == Role::kHead;
}

std::string name_of_input(const TokenizerTask& task, std::size_t input) {
  return quoted(task.inputs[input].model.text);
}

std::string some_tokens(const std::vector<std::string>& tokens) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(kNamed, tokens.size()); ++i)
    names.push_back(quoted(tokens[i], 60));
  const std::string text = fmt::format("{}", fmt::join(names, ", "));
  return tokens.size() > kNamed ? fmt::format("{} and {} more", text, tokens.size() - kNamed)
                                : text;
}

}  // namespace shardwright
