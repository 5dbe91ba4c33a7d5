// Embeddings and heads that have other rows than the config counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check/check.h"

namespace shardwright {

// The tensors whose rows one key of the config counts, and that have another number of them.
struct OtherVocabulary {
  std::vector<const Tensor*> tensors{};
  std::uint64_t stated{};
  std::string pointer{};  // of the key; RFC 6901
  bool of_tokens{};       // it is the vocabulary: each token of the tokenizer needs a row
  bool agree{};           // all tensors of which the key counts the rows have this number
};

// One for each key, in the order of the tensors.
std::vector<OtherVocabulary> other_vocabularies(const Model& model);

}  // namespace shardwright
