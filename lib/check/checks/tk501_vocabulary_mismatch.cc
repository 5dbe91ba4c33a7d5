// TK501: the embedding has another number of rows than the config's vocabulary.
// docs/checks/TK501-vocabulary-mismatch.md
#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

void vocabulary_mismatch(const Model& model, const Reporter& report) {
  std::vector<const ShapeMismatch*> found;
  for (const ShapeMismatch& mismatch : model.join.mismatched) {
    if (explanation_of(mismatch) == MismatchCause::kVocabulary) found.push_back(&mismatch);
  }
  if (found.empty()) return;
  const Tensor& first = *found.front()->stored;
  const std::uint64_t rows = first.shape.front();
  const std::string& pointer = model.expected->vocabulary_pointer;
  Report finding{.file = model.checkpoint.config->name,
                 .tensor = std::string(first.name),
                 .pointer = pointer,
                 .group = "all"};
  for (const ShapeMismatch* mismatch : found)
    finding.places.emplace_back(mismatch->stored->name);
  finding.message = fmt::format(
      "{} has {} rows {}, and the config says {} at {}: transformers refuses to load it (size "
      "mismatch)",
      quoted(first.name), rows, shape_text(first.shape), model.expected->vocabulary.value_or(0),
      quoted(pointer));
  // All tensors whose rows are tokens must agree, else the right number is a guess.
  const bool agree =
      std::ranges::all_of(model.expected->tensors, [&](const ExpectedTensor& expected) {
        if (expected.role != Role::kEmbedding && expected.role != Role::kHead) return true;
        const Tensor* stored = model.checkpoint.find(expected.name);
        return stored == nullptr || (!stored->shape.empty() && stored->shape.front() == rows);
      });
  const TokenizerFacts::Token* top =
      model.checkpoint.tokenizer ? model.checkpoint.tokenizer->top() : nullptr;
  if (agree && top != nullptr && top->id >= rows && rows > 0) {
    finding.fix = no_fix(fmt::format(
        "{} of {} has the id {}, for which the stored rows do not reach: rows are missing, or the "
        "tokenizer is another model's",
        quoted(top->content), quoted(top->file), top->id));
  } else if (agree && !pointer.empty() && rows > 0) {
    finding.fix =
        unsafe_fix(fmt::format("set {} to {}, the rows that are stored", quoted(pointer), rows),
                   {edit::SetJson{model.checkpoint.config->name, pointer, std::to_string(rows)}});
  } else {
    finding.fix = no_fix(
        "the embedding and the head disagree about the number of tokens: find the tensors that "
        "belong "
        "together");
  }
  report(std::move(finding));
}

}  // namespace

extern const Check kVocabularyMismatch;
constinit const Check kVocabularyMismatch{
    .code = "TK501",
    .name = "vocabulary-mismatch",
    .summary = "the embedding has another number of rows than the config's vocabulary",
    .severity = Severity::kError,
    .repair = Repair::kUnsafe,
    .since = "0.1",
    .run = vocabulary_mismatch,
};

}  // namespace shardwright
