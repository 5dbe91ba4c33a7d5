#include <string>

#include <doctest/doctest.h>

#include "json/value.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

InspectReport two_layers() {
  InspectReport report{.path = "m",
                       .directory = "m",
                       .files = {{.name = "model.safetensors",
                                  .use = FileUse::kLoaded,
                                  .bytes = 1'200,
                                  .header_bytes = 100,
                                  .tensors = 3,
                                  .metadata = {{"format", "pt"}}},
                                 {.name = "old.safetensors",
                                  .use = FileUse::kStray,
                                  .bytes = 130,
                                  .problem = "a Git LFS pointer"},
                                 {.name = "config.json", .use = FileUse::kOther, .bytes = 20}},
                       .tensors = {{"embed", DType::kF16, {10, 4}, 0, 80, 40},
                                   {"layers.0.w", DType::kF32, {2, 4}, 0, 32, 8},
                                   {"layers.1.w", DType::kF32, {2, 4}, 0, 32, 8}},
                       .dtypes = {{DType::kF16, 1, 40, 80}, {DType::kF32, 2, 16, 64}},
                       .parameters = 56,
                       .tensor_bytes = 144};
  return report;
}

}  // namespace

TEST_CASE("report: inspect gives like tensors of several layers one row") {
  CHECK(inspect_text(two_layers()) ==
        "m: 3 tensors, 56 parameters, 144 bytes\n"
        "\n"
        "files\n"
        "  model.safetensors    1.20 kB  3 tensors, format=pt\n"
        "  old.safetensors    130 bytes  a Git LFS pointer\n"
        "  config.json         20 bytes\n"
        "\n"
        "dtypes\n"
        "  F16   1 tensor  40 parameters  80 bytes\n"
        "  F32  2 tensors  16 parameters  64 bytes\n"
        "\n"
        "tensors\n"
        "  embed       F16  [10, 4]       80 bytes\n"
        "  layers.#.w  F32  [2, 4]   x 2  64 bytes\n");
}

TEST_CASE("report: inspect lists every tensor in JSON") {
  const auto document = json::parse(inspect_json(two_layers()));
  REQUIRE(document);
  const json::Value& root = document->root;
  CHECK(root.find("tensors")->array()->size() == 3);
  const json::Value& last = root.find("tensors")->array()->at(2);
  CHECK(*last.find("name")->string() == "layers.1.w");
  CHECK(*last.find("dtype")->string() == "F32");
  CHECK(last.find("shape")->array()->at(1).whole_number() == 4);
  CHECK(*last.find("file")->string() == "model.safetensors");
  CHECK(*root.find("files")->array()->at(1).find("problem")->string() == "a Git LFS pointer");
  CHECK(*root.find("files")->array()->at(0).find_path("metadata.format")->string() == "pt");
  CHECK(root.find("parameters")->whole_number() == 56);
}

TEST_CASE("report: synth says what it wrote") {
  CHECK(synth_text({.schema = "gemma2",
                    .shards = 2,
                    .tensors = 91,
                    .parameters = 213'000'000,
                    .tensor_bytes = 426'000'000},
                   "my model") ==
        "wrote 'my model': gemma2, 91 tensors in 2 shards, 213 M parameters, 426.0 MB\n");
}

}  // namespace shardwright
