// What comes to each layer of a dense decoder when it reads some sequences of tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/meter.h"
#include "base/units.h"
#include "forward/decoder.h"
#include "shardwright/result.h"
#include "tokenizer/token_table.h"

namespace shardwright {

using TokenSequence = std::vector<TokenId>;

struct ForwardOptions {
  int threads{};                                // 0: all available
  std::optional<std::uint64_t> memory_limit{};  // bytes for all of it
  Meter* meter{};                               // counts bytes of weights; may be null
};

// What sequences that go through a layer at once take at most, but for one that takes more alone;
// and what all of it takes at most, where nothing else is said.
inline constexpr std::uint64_t kForwardMemory = 512 * kMiB;
inline constexpr std::uint64_t kMostForwardMemory = 8192 * kMiB;

// How sequences go through a layer: some at a time, each time with all its weights.
struct ForwardPlan {
  std::vector<std::size_t> groups{};  // how many sequences each has, in order
  std::uint64_t bytes{};              // of memory, in all
};
// kUnsupported where they need more memory than there may be.
Result<ForwardPlan> plan_forward(const Decoder& decoder, std::span<const TokenSequence> sequences,
                                 const ForwardOptions& options);

// `states`: [tokens, hidden], of all tokens of all sequences, one after the other.
using SeeStates = std::function<Status(std::size_t layer, std::span<const float> states)>;

// Gives `see` the states that come to each layer, from the first, which gets the embeddings, to the
// last, whose own output is not computed. They have the same bytes for any number of threads.
// kInvalidArgument for a token that the model has not, and for an empty sequence; kUnsupported for
// states that are not finite; errors of reading; kInterrupted.
Status hidden_states(const Decoder& decoder, std::span<const TokenSequence> sequences,
                     const ForwardPlan& plan, const ForwardOptions& options, const SeeStates& see);

}  // namespace shardwright
