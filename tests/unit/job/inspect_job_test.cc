#include "shardwright/inspect_job.h"

#include <string>

#include <doctest/doctest.h>

#include "support/fixture.h"
#include "support/temp_dir.h"

namespace shardwright {

TEST_CASE("job: inspect lists files, tensors and dtypes") {
  const test::TempDir dir;
  test::write_fixture(R"({"files": {
      "config.json": {"json": {}}, "d": {"folder": true}, "z.txt": {"symlink": "none"},
      "a.safetensors": {"text": "version https://git-lfs.github.com/spec/v1\n"},
      "model-00001-of-00002.safetensors": {"tensors": {
          "w": {"dtype": "BF16", "shape": [2, 3]}, "n": {"dtype": "F32", "shape": []}},
          "metadata": {"format": "pt", "by": "me"}},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map": {
          "w": "model-00001-of-00002.safetensors", "x": "model-00002-of-00002.safetensors"}}}}})",
                      dir.path());
  const auto report = inspect(dir.path());
  REQUIRE(report);
  CHECK(report->path == dir.path());
  CHECK(report->directory == dir.path());
  REQUIRE(report->files.size() == 6);
  const InspectedFile& shard = report->files[0];
  CHECK(shard.name == "model-00001-of-00002.safetensors");
  CHECK(shard.use == FileUse::kLoaded);
  CHECK(shard.tensors == 2);
  CHECK(shard.bytes == 8 + shard.header_bytes + 16);
  REQUIRE(shard.metadata.size() == 2);
  CHECK(shard.metadata[1].second == "me");
  CHECK(shard.problem.empty());
  CHECK(report->files[1].name == "model-00002-of-00002.safetensors");
  CHECK(report->files[1].problem ==
        "opening 'model-00002-of-00002.safetensors': No such file or directory");
  CHECK(report->files[2].use == FileUse::kStray);
  CHECK(report->files[2].problem == "a Git LFS pointer");
  CHECK(report->files[3].name == "config.json");
  CHECK(report->files[3].use == FileUse::kOther);
  CHECK(report->files[3].bytes == 3);
  CHECK(report->files[5].problem == "a link to nothing");

  REQUIRE(report->tensors.size() == 2);
  CHECK(report->tensors[0].name == "w");
  CHECK(report->tensors[0].dtype == DType::kBF16);
  CHECK(report->tensors[0].shape == std::vector<std::uint64_t>{2, 3});
  CHECK(report->tensors[0].file == 0);
  CHECK(report->tensors[0].bytes == 12);
  CHECK(report->tensors[0].parameters == 6);
  CHECK(report->tensors[1].parameters == 1);
  CHECK(report->parameters == 7);
  CHECK(report->tensor_bytes == 16);
  REQUIRE(report->dtypes.size() == 2);
  CHECK(report->dtypes[0].dtype == DType::kBF16);
  CHECK(report->dtypes[0].bytes == 12);
  CHECK(report->dtypes[1].parameters == 1);
}

TEST_CASE("job: inspect says what it cannot open") {
  CHECK(inspect("/no/such/folder").error().code == ErrorCode::kNotFound);
  const test::TempDir dir;
  CHECK(inspect(dir.path()).error().code == ErrorCode::kUnsupported);
}

}  // namespace shardwright
