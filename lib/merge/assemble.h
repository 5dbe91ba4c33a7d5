// One tensor made of parts of others, as they lie in views.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "io/source.h"
#include "merge/view.h"
#include "shardwright/result.h"
#include "tensor/shape.h"

namespace shardwright {

using OwnedSources = std::vector<std::shared_ptr<const ByteSource>>;

// Numbers count elements, as LayoutPart has them.
struct ViewPart {
  const ViewTensor* tensor{};
  std::uint64_t from{};
  std::uint64_t to{};
  std::uint64_t length{};
  std::uint64_t rows{1};
  std::uint64_t stride{};
  bool transposed{};
};

// All of a tensor, from element `to` on of the one that is made.
ViewPart whole_part(const ViewTensor& tensor, std::uint64_t to);

// The tensor of that name and shape (which must outlive it), with the role of the first part. Where
// parts have several dtypes, as after an adapter, all are read as F32. `sources` gets what it is
// read from. kInvalidArgument where a part does not lie in its tensor, or is of whole numbers among
// floats.
Result<ViewTensor> assemble(std::string_view name, ShapeView shape, std::span<const ViewPart> parts,
                            OwnedSources& sources);

}  // namespace shardwright
