// The vocabulary of a result: that of one input, without tokens that have no row, with those that
// other inputs and the recipe add.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "merge/plan.h"
#include "merge/plan_tokenizer.h"
#include "merge/view.h"
#include "tokenizer/vocabulary.h"

namespace shardwright {

struct PlannedVocabulary {
  std::vector<Vocabulary> inputs{};   // by input; that of another, where it has none
  std::vector<std::uint64_t> rows{};  // of the embedding, by input
  Vocabulary tokens{};                // of the result
  std::vector<std::string> gone{};    // tokens of the source that the result has not
  bool changed{};                     // it is not the source's
  std::uint64_t size{};               // rows of the result
};

// `source`: the input whose files the tokenizer is made from. None where something stands in the
// way, which is told in `mistakes`.
std::optional<PlannedVocabulary> plan_vocabulary(const TokenizerTask& task, std::size_t source,
                                                 const std::vector<View>& views, MergePlan& plan,
                                                 std::vector<Mistake>& mistakes);

// Whether the result has as many rows as the source, where it needs fewer. Whoever pads a model's
// matrices wants them so; the peer cuts the rows off.
bool keeps_padding(const TokenizerTask& task);

// Whether the tensor has a row for each token.
bool is_of_tokens(const ViewTensor& tensor);

// An input in a message.
std::string name_of_input(const TokenizerTask& task, std::size_t input);

// Of many tokens a few, in a message.
std::string some_tokens(const std::vector<std::string>& tokens);

}  // namespace shardwright
