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

// A part of a target tensor, in elements: `rows` runs of `length`; run r comes from
// `source_begin + r * length` and goes to `target_begin + r * target_stride`. One run is one range.
// Where `transposed`, positions in the source count as if its last two extents were swapped.
struct LayoutPart {
  std::string_view source{};
  std::uint64_t source_begin{};
  std::uint64_t target_begin{};
  std::uint64_t rows{1};
  std::uint64_t length{};
  std::uint64_t target_stride{};
  bool transposed{};
};

struct MappedTensor {
  std::string_view name{};
  ShapeView shape{};
  std::vector<LayoutPart> parts{};  // each element of it once; empty where it has none
};

struct LayoutMap {
  Expansion from{};
  Expansion to{};
  std::vector<MappedTensor> tensors{};  // one for each of `to` that `from` can make
};

// kInvalidArgument for a layout that the rule has not, or that no loader reads: nobody may have a
// checkpoint written so.
Status is_for_files(const Schema& schema, std::string_view layout);

// The map from one layout of a rule and config to another; "hub" names the rule's own form.
// kInvalidArgument for an unknown class or layout, kUnsupported where the config has problems that
// stop an expansion.
Result<LayoutMap> map_layouts(const Schema& schema, const json::Value& config,
                              std::string_view class_name, std::string_view from,
                              std::string_view to);

}  // namespace shardwright
