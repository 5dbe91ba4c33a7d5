#include "forward/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace shardwright {
namespace {

// Llama 3.1: waves that fit often into the old context stay, long ones are stretched.
double llama3_frequency(const Rotary& rotary, double frequency) {
  const double wave = 2 * std::numbers::pi / frequency;
  if (wave < rotary.original_positions / rotary.fast) return frequency;
  if (wave > rotary.original_positions / rotary.slow) return frequency / rotary.factor;
  const double smooth =
      (rotary.original_positions / wave - rotary.slow) / (rotary.fast - rotary.slow);
  return (1 - smooth) * frequency / rotary.factor + smooth * frequency;
}

// The pair, as a fraction, that turns so many times within the old context.
double yarn_pair(const Rotary& rotary, double turns) {
  return static_cast<double>(rotary.dims) *
         std::log(rotary.original_positions / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(rotary.theta));
}

double yarn_frequency(const Rotary& rotary, std::size_t pair, double frequency) {
  double low = yarn_pair(rotary, rotary.fast);
  double high = yarn_pair(rotary, rotary.slow);
  if (rotary.truncates) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(rotary.dims) - 1);
  if (low == high) high += 0.001;
  const double ramp = std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
  return frequency / rotary.factor * ramp + frequency * (1 - ramp);
}

// The base after NTK scaling by `stretch`.
double stretched_base(const Rotary& rotary, double stretch) {
  const auto dims = static_cast<double>(rotary.dims);
  return rotary.theta * std::pow(stretch, dims / (dims - 2));
}

double base_of(const Rotary& rotary, std::uint64_t length) {
  if (rotary.kind == RotaryKind::kAlpha) return stretched_base(rotary, rotary.factor);
  const auto positions = static_cast<double>(length);
  if (rotary.kind != RotaryKind::kDynamic || positions <= rotary.positions) return rotary.theta;
  return stretched_base(rotary, rotary.factor * positions / rotary.positions - (rotary.factor - 1));
}

}  // namespace

double yarn_strength(double factor, double scale) {
  return factor <= 1 ? 1 : 0.1 * scale * std::log(factor) + 1;
}

std::vector<float> rotary_frequencies(const Rotary& rotary, std::uint64_t length) {
  const double base = base_of(rotary, length);
  std::vector<float> frequencies;
  for (std::size_t pair = 0; pair < rotary.dims / 2; ++pair) {
    double frequency =
        std::pow(base, -2 * static_cast<double>(pair) / static_cast<double>(rotary.dims));
    if (rotary.kind == RotaryKind::kByFactor) frequency /= rotary.factor;
    if (rotary.kind == RotaryKind::kLlama3) frequency = llama3_frequency(rotary, frequency);
    if (rotary.kind == RotaryKind::kYarn) frequency = yarn_frequency(rotary, pair, frequency);
    frequencies.push_back(static_cast<float>(frequency));
  }
  return frequencies;
}

RotaryTable rotary_table(const Rotary& rotary, std::span<const std::size_t> lengths) {
  RotaryTable table{.pairs = rotary.dims / 2};
  const auto strength = static_cast<float>(rotary.attention_factor);
  for (const std::size_t length : lengths) {
    const std::vector<float> frequencies = rotary_frequencies(rotary, length);
    for (std::size_t position = 0; position < length; ++position) {
      for (const float frequency : frequencies) {
        const float angle = static_cast<float>(position) * frequency;
        table.cosines.push_back(std::cos(angle) * strength);
        table.sines.push_back(std::sin(angle) * strength);
      }
    }
  }
  return table;
}

void rotate(std::span<float> values, const RotaryTable& table, std::size_t token,
            bool interleaved) {
  const float* cosines = table.cosines.data() + token * table.pairs;
  const float* sines = table.sines.data() + token * table.pairs;
  for (std::size_t pair = 0; pair < table.pairs; ++pair) {
    float& first = values[interleaved ? 2 * pair : pair];
    float& second = values[interleaved ? 2 * pair + 1 : pair + table.pairs];
    const float turned = first * cosines[pair] - second * sines[pair];
    second = second * cosines[pair] + first * sines[pair];
    first = turned;
  }
}

}  // namespace shardwright
