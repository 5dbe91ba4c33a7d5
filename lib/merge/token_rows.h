// Which row of which input each token of the result's vocabulary has, for each input.
//
// Every embedding and every head of an input is seen with a row for each token of the result, so
// that a method combines the rows of one token. The row of a token in an input is
//
//   - what `tokens` says of it, where the input does not know the token or `force` is given;
//   - else its own row, where the input knows the token;
//   - else that of the only input that knows it; else that of the base, where the base knows it;
//   else
//     the mean of the rows of all that know it; else zeros, where no input that is merged knows it.
//
// Rows behind the last token (pad_to_multiple_of), and those of ids that no token has, are the mean
// of the rows of all tokens. These are the rules of mergekit 0.1.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "merge/recipe.h"
#include "tokenizer/vocabulary.h"

namespace shardwright {

// A row of an input's matrix.
struct RowPlace {
  std::uint32_t model{};  // position among the inputs
  std::uint64_t row{};
  friend bool operator==(const RowPlace&, const RowPlace&) = default;
};

struct TokenRow {
  enum class Kind : std::uint8_t {
    kRow,   // `place`
    kMean,  // of means[place.row]
    kZero,
    kPadding,  // the mean of the rows of all tokens
  };
  Kind kind{};
  RowPlace place{};
};

struct TokenRows {
  std::vector<std::vector<TokenRow>> inputs{};  // by input, a row for each id of the result
  std::vector<std::vector<RowPlace>> means{};   // what means are taken of, in the order of inputs
  std::vector<std::string> unknown{};           // tokens that no input knows: their rows are zeros
};

// An input as far as its tokens count.
struct TokenInput {
  const ModelRef* model{};
  const Vocabulary* vocabulary{};
  std::uint64_t rows{};  // of its embedding: a token without one is not known
  bool merged{};         // otherwise only rules take its rows
};

// `rows`: of the result, no fewer than result.end(). `base`: the input that decides where several
// know a token. Rows of no token are padding; with `keep_padding` an input's are its own, where it
// has a row of that number and no token either. A token of `tokens` that has no source and that no
// input knows, and a source that is not there, are mistakes.
TokenRows rows_of_tokens(const Vocabulary& result, std::uint64_t rows,
                         const std::vector<TokenInput>& inputs, std::size_t base, bool keep_padding,
                         const TokenizerRecipe& recipe, std::vector<Mistake>& mistakes);

// Whether the rows of an input are its own in order, as many as it has.
bool is_as_stored(const std::vector<TokenRow>& rows, std::size_t input, std::uint64_t stored);

}  // namespace shardwright
