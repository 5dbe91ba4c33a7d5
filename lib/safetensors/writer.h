// Headers as this program writes them: a pure function of its input.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shardwright/dtype.h"
#include "shardwright/result.h"
#include "tensor/shape.h"

namespace shardwright::safetensors {

struct TensorSpec {
  std::string name{};
  DType dtype{};
  Shape shape{};
};

enum class Order : std::uint8_t {
  kCanonical,  // wider elements first, then by name: every tensor is aligned, as the reference
               // writes
  kAsGiven,
};

struct PlacedTensor {
  std::size_t spec{};     // position in the input
  std::uint64_t begin{};  // offsets from the start of the data
  std::uint64_t end{};
};

struct HeaderImage {
  std::string bytes{};                  // length prefix and JSON, padded with spaces
  std::vector<PlacedTensor> tensors{};  // in file order, without gaps from 0
  std::uint64_t data_bytes{};
};

// The prefix and header for these tensors, laid out without gaps. The JSON is padded so that the
// data starts at a multiple of 8, or, with `data_start_modulus` m (a power of two of 8 or more) and
// remainder r (a multiple of 8), at an offset that is r modulo m: for block sharing with a source
// file. kInvalidArgument for a duplicate or reserved name or a size that does not fit; kUnsupported
// where the header would be larger than any reader takes.
Result<HeaderImage> layout_header(std::span<const TensorSpec> tensors,
                                  std::span<const std::pair<std::string, std::string>> metadata,
                                  Order order, std::uint64_t data_start_modulus = 8,
                                  std::uint64_t data_start_remainder = 0);

}  // namespace shardwright::safetensors
