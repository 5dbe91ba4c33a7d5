// Rotary positions: how far each pair of a head's numbers is turned at each position, as
// transformers 5 computes it (modeling_rope_utils.py).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "shardwright/result.h"

namespace shardwright {

enum class RotaryKind : std::uint8_t {
  kDefault,
  kByFactor,  // all positions divided by a factor
  kDynamic,   // the base grows with sequences that are longer than those of the training
  kAlpha,     // the base of kDynamic, for all lengths by one `alpha`
  kLlama3,    // slow pairs divided by the factor, with a ramp to the fast ones
  kYarn,      // the same with another ramp, and a factor of all that is rotated
};

struct Rotary {
  RotaryKind kind{};
  std::size_t dims{};  // numbers of a head that are rotated: the first ones, an even count
  double theta{};
  double factor = 1;              // or `alpha`
  double positions{};             // max_position_embeddings
  double original_positions{};    // of the training: kLlama3, kYarn
  double slow = 1, fast = 4;      // low_freq_factor, high_freq_factor; beta_slow, beta_fast
  bool truncates = true;          // of kYarn: its ramp begins and ends at whole pairs
  double attention_factor = 1;    // of sines and cosines
  double score_factor_all_dim{};  // mscale_all_dim, which DeepSeek applies to scores as well
};

// How kYarn strengthens what it stretches (yarn_get_mscale).
double yarn_strength(double factor, double scale);

// What a class heeds beside the rest.
struct RotaryHabits {
  bool partial{};  // partial_rotary_factor: the last numbers of a head stay as they are
  bool alpha{};    // `alpha` of dynamic
};

// What a config says in rope_scaling or rope_parameters and at its top, else `defaults`. `head`:
// numbers of a head that may be rotated. kUnsupported for what is not handled, with key and value.
Result<Rotary> rotary_of(const json::Value& config, const json::Value& defaults, std::size_t head,
                         const RotaryHabits& habits);

// Radians by which each pair turns from one position to the next, in a sequence of that length.
std::vector<float> rotary_frequencies(const Rotary& rotary, std::uint64_t length);

// Sines and cosines of all tokens of some sequences, one after the other.
struct RotaryTable {
  std::size_t pairs{};
  std::vector<float> cosines{}, sines{};  // [tokens, pairs]
};
RotaryTable rotary_table(const Rotary& rotary, std::span<const std::size_t> lengths);

// Turns the pairs of one head of one token: (0, 1), (2, 3)... where they are interleaved, else each
// number of the first half of `values` with that of the second.
void rotate(std::span<float> values, const RotaryTable& table, std::size_t token, bool interleaved);

}  // namespace shardwright
