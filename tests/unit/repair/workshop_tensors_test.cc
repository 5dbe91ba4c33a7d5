// What a round of a plan makes of the tensors of a shard: their bytes, shapes and places.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "unit/repair/workshop.h"

namespace shardwright::test {
namespace {

// The bytes of a tensor that is composed of parts of the first, six bytes in all.
std::string bytes_made_of(const CheckedModel& model, std::vector<TensorPart> parts) {
  Workshop work(model.model);
  DraftTensor made{.name = "made", .dtype = DType::kU8, .shape = {6}};
  made.parts = std::move(parts);
  REQUIRE(work.compose("stack", tensor_of(model, "a"), made, kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  const FileChange& change = plan->changes.front();
  const safetensors::Header header = header_of(change);
  REQUIRE(header.tensors.back().name == "made");
  return text_of(*change.content).substr(header.data_start() + header.tensors.back().begin);
}

TEST_CASE("workshop: a matrix is turned, and what is none, or below a byte, is not") {
  const CheckedModel model = checked(R"({"files": {"model.safetensors": {"tensors": {
      "a": {"dtype": "U8", "shape": [2, 3], "fill": "iota"},
      "f": {"dtype": "F4", "shape": [2, 2], "fill": "random:1"}}}}})");
  Workshop work(model.model);
  CHECK(why_not(work.transpose(kShardFile, tensor_of(model, "f"), kAsked)) ==
        "'f' cannot be transposed");
  REQUIRE(work.transpose(kShardFile, tensor_of(model, "a"), kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  const std::string bytes = text_of(*plan->changes.front().content);
  const safetensors::Header header = header_of(plan->changes.front());
  REQUIRE(header.tensors.front().name == "a");
  CHECK(same_shape(header.tensors.front().shape, Shape{3, 2}));
  CHECK(bytes.substr(header.data_start(), 6) == std::string("\0\3\1\4\2\5", 6));
}

TEST_CASE("workshop: a shard that no header can describe is not made") {
  const CheckedModel model = checked(kTwoTensors);
  Workshop twice(model.model);
  REQUIRE(twice.rename(kShardFile, "a", "b", kAsked));
  CHECK(why_not(twice.finish()) == "two tensors are named 'b'");
  Workshop short_of(model.model);
  const Tensor& a = tensor_of(model, "a");
  DraftTensor made = draft_of(a, "made");
  made.shape = {7};
  REQUIRE(short_of.compose("stack", a, made, kAsked));
  CHECK(why_not(short_of.finish()) == "'made' has 6 bytes, and its shape [7] needs 7");
}

TEST_CASE("workshop: what would lie misaligned, or is made of parts, is ordered anew") {
  const CheckedModel model = checked(kTwoTensors);
  // F32 behind six bytes.
  Workshop work(model.model);
  REQUIRE(work.relay(kShardFile, false, kAsked));
  CHECK(header_of(work.finish()->changes.front()).tensors.front().name == "b");
  // Rows of one tensor between those of another.
  const Tensor& a = tensor_of(model, "a");
  Workshop woven(model.model);
  DraftTensor made{.name = "made", .dtype = DType::kU8, .shape = {12}};
  made.parts = {{.source = &a, .to = 0, .bytes = 3, .rows = 2, .stride = 6},
                {.source = &a, .to = 3, .bytes = 3, .rows = 2, .stride = 6}};
  REQUIRE(woven.compose("stack", a, made, kAsked));
  REQUIRE(woven.consume(a));
  const auto plan = woven.finish();
  REQUIRE(plan);
  const FileChange& change = plan->changes.front();
  const safetensors::Header header = header_of(change);
  REQUIRE(header.tensors.size() == 2);
  CHECK(header.tensors[1].name == "made");
  CHECK(text_of(*change.content).substr(header.data_start() + header.tensors[1].begin) ==
        std::string("\0\1\2\0\1\2\3\4\5\3\4\5", 12));
  // Parts that follow each other need nothing that assembles them.
  CHECK(bytes_made_of(model, {{.source = &a, .from = 3, .to = 0, .bytes = 3},
                              {.source = &a, .from = 0, .to = 3, .bytes = 3}}) ==
        std::string("\3\4\5\0\1\2", 6));
}

TEST_CASE("workshop: data of a megabyte and more keeps its place in its blocks") {
  const CheckedModel model = checked(R"({"files": {"model.safetensors": {"tensors": {
      "a": {"dtype": "U8", "shape": [1048576], "fill": "zero"},
      "b": {"dtype": "U8", "shape": [8], "fill": "zero"}}}}})");
  const Tensor& a = tensor_of(model, "a");
  for (const std::uint64_t offset : {std::uint64_t{4096}, a.offset}) {
    Workshop work(model.model);
    REQUIRE(work.drop(kShardFile, "b", kAsked));
    const safetensors::Header header = header_of(work.finish()->changes.front());
    CHECK((header.data_start() % 4096 == a.offset % 4096));
    CHECK(offset > 0);
  }
}

TEST_CASE("workshop: of equal names in one header the last is the tensor") {
  const CheckedModel model = checked(R"({"files": {"model.safetensors": {
      "header": "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"a\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
      "data": "0102"}}})");
  Workshop work(model.model);
  REQUIRE(work.relay(kShardFile, false, kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  const safetensors::Header header = header_of(plan->changes.front());
  REQUIRE(header.tensors.size() == 1);
  CHECK(header.tensors.front().dtype == DType::kI8);
}

TEST_CASE("workshop: parts that are given out of order lie where they belong") {
  const CheckedModel model = checked(kTwoTensors);
  const Tensor& a = tensor_of(model, "a");
  CHECK(bytes_made_of(model, {{.source = &a, .from = 0, .to = 3, .bytes = 3},
                              {.source = &a, .from = 3, .to = 0, .bytes = 3}}) ==
        std::string("\3\4\5\0\1\2", 6));
}

}  // namespace
}  // namespace shardwright::test
