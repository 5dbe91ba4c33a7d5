#include "forward/hidden_states.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/parallel.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "forward/attention.h"
#include "forward/layer.h"
#include "forward/linear.h"
#include "forward/product.h"
#include "merge/read_floats.h"

namespace shardwright {
namespace {

std::vector<std::size_t> lengths_of(std::span<const TokenSequence> sequences) {
  std::vector<std::size_t> lengths;
  for (const TokenSequence& sequence : sequences)
    lengths.push_back(sequence.size());
  return lengths;
}

// What the sequences are before the first layer.
Status embed(const Decoder& decoder, std::span<const TokenSequence> sequences,
             std::vector<float>& states) {
  const Tensor& embedding = *decoder.embedding;
  const auto factor = static_cast<float>(decoder.embedding_factor);
  std::vector<std::byte> raw;
  std::size_t at = 0;
  for (const TokenSequence& sequence : sequences) {
    for (const TokenId token : sequence) {
      if (token >= embedding.shape.front()) {
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("a prompt has the token {}, and {} has {} rows", token,
                                 quoted(embedding.name), embedding.shape.front())};
      }
      const auto row = std::span(states).subspan(at, decoder.hidden);
      SW_TRY_OK(read_floats(embedding, token * std::uint64_t{decoder.hidden}, row, raw));
      for (float& value : row)
        value *= factor;
      at += decoder.hidden;
    }
  }
  return ok();
}

std::string bytes_text(double bytes) {
  return human_bytes(static_cast<std::uint64_t>(std::min(bytes, 1e18)));
}

std::size_t most_slab_floats(const Decoder& decoder) {
  std::size_t most = 0;
  for (const DecoderLayer& layer : decoder.layers) {
    for (const LinearMap* map : maps_of(layer))
      most = std::max(most, slab_floats(std::max<std::size_t>(map->in, 1)));
  }
  return most;
}

Status judge(std::span<const float> states, std::size_t layer) {
  if (std::ranges::all_of(states, [](float value) { return std::isfinite(value); })) return ok();
  return Error{ErrorCode::kUnsupported,
               layer == 0
                   ? std::string("embeddings of its prompts are not finite")
                   : fmt::format("what layer {} makes of its prompts is not finite", layer - 1)};
}

}  // namespace

Result<ForwardPlan> plan_forward(const Decoder& decoder, std::span<const TokenSequence> sequences,
                                 const ForwardOptions& options) {
  const std::vector<std::size_t> lengths = lengths_of(sequences);
  if (std::ranges::find(lengths, 0U) != lengths.end())
    return Error{ErrorCode::kInvalidArgument, "a prompt has no token"};
  const std::size_t longest = lengths.empty() ? 0 : std::ranges::max(lengths);
  const std::size_t tokens = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
  const int cores = available_cores();
  const auto threads = static_cast<std::size_t>(options.threads > 0 ? options.threads : cores);
  // Of fp64, so that nothing overflows.
  const auto floats = [](double count) { return count * sizeof(float); };
  const double waiting = floats(static_cast<double>(tokens) *
                                static_cast<double>(decoder.hidden + decoder.rotary.dims));
  const double by_threads =
      floats(static_cast<double>(threads) *
             static_cast<double>(std::max(attention_floats(longest), most_slab_floats(decoder))));
  const double of_token = floats(static_cast<double>(working_floats(decoder)));
  const double of_longest = of_token * static_cast<double>(longest);
  const double least = waiting + by_threads + of_longest;
  const auto most = static_cast<double>(options.memory_limit.value_or(kMostForwardMemory));
  if (least > most) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("the hidden states of {} tokens, of which {} are in one prompt, need "
                             "{} of memory, and there may be {}",
                             tokens, longest, bytes_text(least), bytes_text(most))};
  }
  const double room = std::max(
      of_longest, std::min(most - waiting - by_threads, static_cast<double>(kForwardMemory)));
  ForwardPlan plan;
  std::size_t in_group = 0;
  std::size_t fullest = 0;
  for (const std::size_t length : lengths) {
    const bool is_full = of_token * static_cast<double>(in_group + length) > room;
    if (plan.groups.empty() || is_full) {
      plan.groups.push_back(0);
      in_group = 0;
    }
    ++plan.groups.back();
    in_group += length;
    fullest = std::max(fullest, in_group);
  }
  plan.bytes =
      static_cast<std::uint64_t>(waiting + by_threads + of_token * static_cast<double>(fullest));
  return plan;
}

Status hidden_states(const Decoder& decoder, std::span<const TokenSequence> sequences,
                     const ForwardPlan& plan, const ForwardOptions& options, const SeeStates& see) {
  SW_TRY_OK(load_products());
  const std::vector<std::size_t> lengths = lengths_of(sequences);
  const std::size_t tokens = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
  std::vector<float> states(tokens * decoder.hidden);
  SW_TRY_OK(embed(decoder, sequences, states));
  const RotaryTable rotary = rotary_table(decoder.rotary, lengths);
  SW_TRY_OK(judge(states, 0));
  SW_TRY_OK(see(0, states));
  for (std::size_t number = 0; number < decoder.layers.size(); ++number) {
    LayerPass pass(decoder, decoder.layers[number], rotary, options.threads, options.meter);
    SW_TRY_OK(pass.read_norms());
    std::size_t sequence = 0;
    std::size_t token = 0;
    for (const std::size_t group : plan.groups) {
      const auto of_group = std::span(lengths).subspan(sequence, group);
      const std::size_t count = std::accumulate(of_group.begin(), of_group.end(), std::size_t{0});
      SW_TRY_OK(
          pass.run(of_group, token,
                   std::span(states).subspan(token * decoder.hidden, count * decoder.hidden)));
      sequence += group;
      token += count;
    }
    SW_TRY_OK(judge(states, number + 1));
    SW_TRY_OK(see(number + 1, states));
  }
  return ok();
}

}  // namespace shardwright
