// What tests of a workshop share: a small shard, why it is changed, and what became of it.
#pragma once

#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "repair/workshop.h"
#include "safetensors/header.h"
#include "unit/repair/checked.h"

namespace shardwright::test {

inline const Reason kAsked{.code = "ST100", .why = "as ST100 says"};
inline const std::string kShardFile = "model.safetensors";

// Of U8 and F32 tensors, in this order.
inline constexpr std::string_view kTwoTensors = R"({"files": {"model.safetensors": {
    "tensors": {"a": {"dtype": "U8", "shape": [2, 3], "fill": "iota"},
                "b": {"dtype": "F32", "shape": [2], "fill": "iota"}}}}})";

inline std::string text_of(const ByteSource& source) {
  return read_all(source, 1U << 30U).value();
}

inline safetensors::Header header_of(const FileChange& change) {
  return safetensors::read_header(*change.content).value();
}

template <typename Result>
std::string why_not(const Result& result) {
  return result ? "" : result.error().message;
}

inline const Tensor& tensor_of(const CheckedModel& model, std::string_view name) {
  const Tensor* found = model.model.checkpoint.find(name);
  REQUIRE(found != nullptr);
  return *found;
}

}  // namespace shardwright::test
