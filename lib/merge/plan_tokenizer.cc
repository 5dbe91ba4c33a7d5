#include "merge/plan_tokenizer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "merge/chat_template.h"
#include "merge/parts.h"
#include "merge/plan_rows.h"
#include "merge/plan_vocabulary.h"
#include "merge/token_ids.h"
#include "merge/tokenizer_files.h"

namespace shardwright {
namespace {

class TokenizerPlanner {
 public:
  TokenizerPlanner(const TokenizerTask& task, std::vector<View>& views, MergePlan& plan,
                   std::vector<Mistake>& mistakes)
      : task_(task), views_(views), plan_(plan), mistakes_(mistakes) {}

  void run() {
    if (!task_.recipe.chat_template.empty()) choose_template();
    std::optional<PlannedVocabulary> vocabulary;
    if (task_.recipe.tokenizer) vocabulary = plan_tokens(*task_.recipe.tokenizer);
    if (mistakes_.empty()) plan_files(vocabulary ? &*vocabulary : nullptr);
    std::ranges::stable_sort(mistakes_, {}, &Mistake::at);
  }

 private:
  void mistake(Mark at, std::string message) { mistakes_.push_back({at, std::move(message)}); }

  std::optional<PlannedVocabulary> plan_tokens(const TokenizerRecipe& recipe) {
    if (recipe.kind == TokenizerRecipe::Kind::kModel)
      source_ = input_of(task_.inputs, recipe.model);
    auto vocabulary = plan_vocabulary(task_, source_, views_, plan_, mistakes_);
    if (!vocabulary) return vocabulary;
    const std::size_t before = mistakes_.size();
    plan_rows(task_, *vocabulary, views_, plan_, mistakes_);
    if (mistakes_.size() == before) set_config_values(*vocabulary);
    return vocabulary;
  }

  void set_config_values(const PlannedVocabulary& vocabulary) {
    const MergeInput& donor = task_.inputs[task_.donor];
    if (vocabulary.size != vocabulary.rows[task_.donor] &&
        !donor.expected->vocabulary_pointer.empty()) {
      plan_.config_values.push_back(
          {donor.expected->vocabulary_pointer, std::to_string(vocabulary.size)});
    }
    map_token_ids({.from = vocabulary.inputs[task_.donor],
                   .to = vocabulary.tokens,
                   .donor = *donor.checkpoint,
                   .source = *task_.inputs[source_].checkpoint},
                  plan_);
  }

  // `vocabulary`: null where it is that of the source.
  void plan_files(const PlannedVocabulary* vocabulary) {
    const Checkpoint& source = *task_.inputs[source_].checkpoint;
    const bool changed = vocabulary != nullptr && vocabulary->changed;
    const Mark at =
        task_.recipe.tokenizer ? task_.recipe.tokenizer->at : task_.recipe.chat_template_at;
    if (source_ == task_.donor && !changed && task_.recipe.chat_template.empty()) return;
    auto files = tokenizer_files_of(source);
    if (!files) {
      mistake(at, fmt::format("the tokenizer of {} cannot be read: {}",
                              name_of_input(task_, source_), files.error().message));
      return;
    }
    std::vector<PlannedText> as_they_are;
    if (source_ == task_.donor) as_they_are = *files;
    Status status = changed ? set_vocabulary(*files, vocabulary->tokens, vocabulary->gone) : ok();
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
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("'chat_template' is a part of a tokenizer, and {} has none",
                             name_of_input(task_, source_))};
  }

  const TokenizerTask& task_;
  std::vector<View>& views_;
  MergePlan& plan_;
  std::vector<Mistake>& mistakes_;
  std::size_t source_ = task_.donor;  // the input whose files the tokenizer is made from
  std::string template_;              // that the recipe asks for
};

}  // namespace

void plan_tokenizer(const TokenizerTask& task, std::vector<View>& views, MergePlan& plan,
                    std::vector<Mistake>& mistakes) {
  TokenizerPlanner(task, views, plan, mistakes).run();
}

}  // namespace shardwright
