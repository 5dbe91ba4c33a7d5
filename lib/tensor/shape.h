// Shapes: element counts and sizes, checked.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shardwright/dtype.h"

namespace shardwright {

// Extents in order; [] is a scalar. Owned elsewhere (a header, an expansion).
using ShapeView = std::span<const std::uint64_t>;
using Shape = std::vector<std::uint64_t>;

// Product of the extents, 1 for a scalar; none on overflow.
std::optional<std::uint64_t> element_count(ShapeView shape);

// Size of that many elements in bits; none on overflow.
std::optional<std::uint64_t> size_in_bits(DType dtype, ShapeView shape);

// Size in bytes; none on overflow, or where the bits are no whole number of bytes.
std::optional<std::uint64_t> size_in_bytes(DType dtype, ShapeView shape);

bool same_shape(ShapeView a, ShapeView b);

// The elements stand in the same order under both shapes, without doubt: the same extents but for
// ones, or one of them flat.
bool is_same_order(ShapeView a, ShapeView b);

// "[1, 32]", "[]".
std::string shape_text(ShapeView shape);

}  // namespace shardwright
