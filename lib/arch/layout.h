// Layouts as maps of byte ranges: how each tensor of one on-disk form is made of tensors of
// another.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "arch/expand.h"
#include "shardwright/result.h"
#include "tensor/shape.h"

namespace shardwright {

// A part of a target tensor: `elements` elements of the source from `source_begin`, to
// `target_begin`, in row-major order. A transposed part swaps the last two extents of its source.
struct LayoutPart {
  std::string_view source;
  std::uint64_t source_begin{};
  std::uint64_t target_begin{};
  std::uint64_t elements{};
  bool transposed{};
};

struct MappedTensor {
  std::string_view name;
  ShapeView shape;
  std::vector<LayoutPart> parts{};  // in target order, covering it exactly
};

struct LayoutMap {
  Expansion from{};
  Expansion to{};
  std::vector<MappedTensor> tensors{};  // one for each of `to` that `from` can make
};

// The map from one layout of a rule and config to another; "hub" names the rule's own form.
Result<LayoutMap> map_layouts(const Schema& schema, const json::Value& config,
                              std::string_view class_name, std::string_view from,
                              std::string_view to);

}  // namespace shardwright
