// What a layer does to numbers one by one, or row by row.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "forward/family.h"

namespace shardwright {

enum class Activation : std::uint8_t { kSilu, kGelu, kGeluTanh, kQuickGelu, kRelu };

// By the name that configs have for it; none for others.
std::optional<Activation> activation_named(std::string_view name);

// gate[i] = activation(gate[i]) * up[i]
void gated(Activation activation, std::span<float> gate, std::span<const float> up);

// One row; `to` may be `from`. Sums are of fp64.
void normalise(NormKind kind, double eps, std::span<const float> from,
               std::span<const float> weight, std::span<float> to);

}  // namespace shardwright
