// What is known of stored tensors where their bytes were read, and where they were not.
#include "repair/stored.h"

#include <string>

#include <doctest/doctest.h>

#include "unit/repair/checked.h"

namespace shardwright {
namespace {

constexpr std::string_view kStoredModel = R"({"files": {
    "a.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [4], "fill": "iota"},
                                  "as bytes": {"dtype": "I8", "shape": [4], "fill": "same:a"},
                                  "again": {"dtype": "U8", "shape": [2, 2], "fill": "same:a"}}},
    "b.safetensors": {"tensors": {"b": {"dtype": "U8", "shape": [4], "fill": "one"}}},
    "stray.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [4], "fill": "iota"}}},
    "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map":
        {"a": "a.safetensors", "as bytes": "a.safetensors", "again": "a.safetensors", "b": "b.safetensors"}}}}})";

const Tensor& in_a(const Stored& stored, std::string_view name) {
  const Tensor* tensor = stored.at("a.safetensors", name);
  REQUIRE(tensor != nullptr);
  return *tensor;
}

TEST_CASE("stored: a twin has the same bytes and dtype, and stays") {
  const CheckedModel model = test::checked(kStoredModel);
  const Stored stored(model.model);
  const Tensor& a = in_a(stored, "a");
  const Tensor& again = in_a(stored, "again");
  CHECK(stored.twin(a, {}) == &again);
  CHECK(stored.twin(again, {}) == &a);
  CHECK(stored.twin(a, {&again}) == nullptr);
  CHECK(stored.twin(in_a(stored, "as bytes"), {}) == nullptr);
  CHECK(stored.known(a)->digest == *stored.digest(again));
  CHECK(stored.file_of(a) == "a.safetensors");
  CHECK(stored.at("a.safetensors", "b") == nullptr);
  CHECK(stored.at("stray.safetensors", "a") == nullptr);
  CHECK(stored.at("absent.safetensors", "a") == nullptr);
}

TEST_CASE("stored: of bytes that nobody read nothing is known") {
  CheckedModel model = test::checked(kStoredModel);
  model.model.data.digests.clear();
  const Stored stored(model.model);
  const Tensor& a = in_a(stored, "a");
  CHECK_FALSE(stored.digest(a));
  CHECK_FALSE(stored.known(a));
  CHECK(stored.twin(a, {}) == nullptr);
}

}  // namespace
}  // namespace shardwright
