// TK501: the embedding has another number of rows than the config's vocabulary.
// docs/checks/TK501-vocabulary-mismatch.md
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// The tensors whose rows are not what the config counts, and whether all others agree with them.
struct OtherVocabulary {
  std::vector<const Tensor*> tensors{};
  std::uint64_t stated{};
  std::string pointer{};
  bool agree{};
};

OtherVocabulary mismatched_by_rule(const Model& model) {
  OtherVocabulary found{.stated = model.expected->vocabulary.value_or(0),
                        .pointer = model.expected->vocabulary_pointer};
  for (const ShapeMismatch& mismatch : model.join.mismatched) {
    if (explanation_of(mismatch) == MismatchCause::kVocabulary)
      found.tensors.push_back(mismatch.stored);
  }
  if (found.tensors.empty()) return found;
  const std::uint64_t rows = found.tensors.front()->shape.front();
  // All tensors whose rows are tokens must agree, else the right number is a guess.
  found.agree = std::ranges::all_of(model.expected->tensors, [&](const ExpectedTensor& expected) {
    if (expected.role != Role::kEmbedding && expected.role != Role::kHead) return true;
    const Tensor* stored = model.checkpoint.find(expected.name);
    return stored == nullptr || (!stored->shape.empty() && stored->shape.front() == rows);
  });
  return found;
}

OtherVocabulary mismatched_tokens(const Model& model) {
  if (model.expected) return mismatched_by_rule(model);
  if (!model.join.unruled || !model.join.unruled->rows) return {};
  const OtherRows& rows = *model.join.unruled->rows;
  return {
      .tensors = rows.tensors, .stated = rows.stated, .pointer = rows.pointer, .agree = rows.fits};
}

void vocabulary_mismatch(const Model& model, const Reporter& report) {
  const OtherVocabulary found = mismatched_tokens(model);
  if (found.tensors.empty()) return;
  const Tensor& first = *found.tensors.front();
  const std::uint64_t rows = first.shape.front();
  const std::string& pointer = found.pointer;
  Report finding{.file = model.checkpoint.config->name,
                 .tensor = std::string(first.name),
                 .pointer = pointer,
                 .group = "all"};
  for (const Tensor* tensor : found.tensors)
    finding.places.emplace_back(tensor->name);
  finding.message = fmt::format(
      "{} has {} rows {}, and the config says {} at {}: transformers refuses to load it (size "
      "mismatch)",
      quoted(first.name), rows, shape_text(first.shape), found.stated, quoted(pointer));
  const TokenizerFacts::Token* top =
      model.checkpoint.tokenizer ? model.checkpoint.tokenizer->top() : nullptr;
  if (found.agree && top != nullptr && top->id >= rows && rows > 0) {
    finding.fix = no_fix(fmt::format(
        "{} of {} has the id {}, for which the stored rows do not reach: rows are missing, or the "
        "tokenizer is another model's",
        quoted(top->content), quoted(top->file), top->id));
  } else if (found.agree && !pointer.empty() && rows > 0) {
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
