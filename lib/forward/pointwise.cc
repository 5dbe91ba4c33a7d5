#include "forward/pointwise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace shardwright {
namespace {

float activated(Activation activation, float x) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGelu:
      return 0.5F * x * (1 + std::erf(x / std::numbers::sqrt2_v<float>));
    case Activation::kGeluTanh: {
      constexpr float kRoot = 0.79788456F;  // sqrt(2 / pi)
      return 0.5F * x * (1 + std::tanh(kRoot * (x + 0.044715F * x * x * x)));
    }
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-1.702F * x));
    case Activation::kRelu:
      return std::max(x, 0.0F);
  }
  return x;
}

}  // namespace

std::optional<Activation> activation_named(std::string_view name) {
  using Named = std::pair<std::string_view, Activation>;
  constexpr std::array kNames = {
      Named{"silu", Activation::kSilu},          Named{"swish", Activation::kSilu},
      Named{"gelu", Activation::kGelu},          Named{"gelu_python", Activation::kGelu},
      Named{"gelu_new", Activation::kGeluTanh},  Named{"gelu_pytorch_tanh", Activation::kGeluTanh},
      Named{"gelu_fast", Activation::kGeluTanh}, Named{"quick_gelu", Activation::kQuickGelu},
      Named{"relu", Activation::kRelu},
  };
  const auto found = std::ranges::find(kNames, name, &Named::first);
  if (found == kNames.end()) return std::nullopt;
  return found->second;
}

void gated(Activation activation, std::span<float> gate, std::span<const float> up) {
  for (std::size_t i = 0; i < gate.size(); ++i)
    gate[i] = activated(activation, gate[i]) * up[i];
}

void normalise(NormKind kind, double eps, std::span<const float> from,
               std::span<const float> weight, std::span<float> to) {
  const auto count = static_cast<double>(from.size());
  double mean = 0;
  if (kind == NormKind::kMean) {
    for (const float value : from)
      mean += value;
    mean /= count;
  }
  double squares = 0;
  for (const float value : from)
    squares += (value - mean) * (value - mean);
  const double scale = 1 / std::sqrt(squares / count + eps);
  const float more = kind == NormKind::kRmsOneMore ? 1 : 0;
  for (std::size_t i = 0; i < from.size(); ++i)
    to[i] = static_cast<float>((from[i] - mean) * scale) * (weight[i] + more);
}

}  // namespace shardwright
