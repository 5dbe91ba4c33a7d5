// TK501: the embedding has another number of rows than the config's vocabulary.
// docs/checks/TK501-vocabulary-mismatch.md
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/vocabulary_rows.h"

namespace shardwright {
namespace {

std::vector<OtherVocabulary> mismatched_rows(const Model& model) {
  if (model.expected) return other_vocabularies(model);
  if (!model.join.unruled || !model.join.unruled->rows) return {};
  const OtherRows& rows = *model.join.unruled->rows;
  return {{.tensors = rows.tensors,
           .stated = rows.stated,
           .pointer = rows.pointer,
           .of_tokens = true,
           .agree = rows.fits}};
}

Fix fix_for(const Model& model, const OtherVocabulary& found, std::uint64_t rows) {
  const TokenizerFacts::Token* top =
      model.checkpoint.tokenizer ? model.checkpoint.tokenizer->top() : nullptr;
  if (found.of_tokens && found.agree && top != nullptr && top->id >= rows && rows > 0) {
    return no_fix(fmt::format(
        "{} of {} has the id {}, for which the stored rows do not reach: rows are missing, or the "
        "tokenizer is another model's",
        quoted(top->content), quoted(top->file), top->id));
  }
  if (found.agree && !found.pointer.empty() && rows > 0) {
    return unsafe_fix(
        fmt::format("set {} to {}, the rows that are stored", quoted(found.pointer), rows),
        {edit::SetJson{model.checkpoint.config->name, found.pointer, std::to_string(rows)}});
  }
  return no_fix(
      "the embedding and the head disagree about the number of tokens: find the tensors that "
      "belong together");
}

void vocabulary_mismatch(const Model& model, const Reporter& report) {
  for (const OtherVocabulary& found : mismatched_rows(model)) {
    const Tensor& first = *found.tensors.front();
    const std::uint64_t rows = first.shape.front();
    Report finding{
        .file = model.checkpoint.config->name,
        .tensor = std::string(first.name),
        .pointer = found.pointer,
        .message = fmt::format("{} has {} rows {}, and the config says {} at {}: transformers "
                               "refuses to load it (size mismatch)",
                               quoted(first.name), rows, shape_text(first.shape), found.stated,
                               quoted(found.pointer)),
        .fix = fix_for(model, found, rows),
        .group = found.pointer};
    for (const Tensor* tensor : found.tensors)
      finding.places.emplace_back(tensor->name);
    report(std::move(finding));
  }
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
