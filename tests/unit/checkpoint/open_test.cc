#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "checkpoint/checkpoint.h"
#include "support/fixture.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

using Names = std::vector<std::string>;

Names names(const Checkpoint& checkpoint, ShardUse use) {
  Names all;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use == use) all.push_back(shard.file);
  }
  return all;
}

Checkpoint opened(std::string_view description, const OpenOptions& options = {}) {
  auto checkpoint = open_checkpoint(test::memory_fixture(description), options);
  REQUIRE_MESSAGE(checkpoint, (checkpoint ? "" : checkpoint.error().message));
  return *std::move(checkpoint);
}

std::vector<float> floats(const Tensor& tensor) {
  std::vector<float> values(tensor.bytes / sizeof(float));
  REQUIRE(tensor.read(0, std::as_writable_bytes(std::span(values))));
  return values;
}

constexpr std::string_view kSharded = R"({"files": {
  "config.json": {"json": {"model_type": "llama"}},
  "generation_config.json": {"text": "{,}"},
  "model-00001-of-00002.safetensors": {"tensors": {
      "b": {"dtype": "F32", "shape": [2, 2], "fill": "iota"}, "a": {"dtype": "BF16", "shape": [3]}}},
  "model-00002-of-00002.safetensors": {"tensors": {"c": {"dtype": "F32", "shape": [2], "fill": "one"}}},
  "consolidated.safetensors": {"tensors": {"z": {"dtype": "F32", "shape": [1]}}},
  "model.safetensors.index.json": {"index": "auto", "unset": ["z"]}}})";

}  // namespace

TEST_CASE("checkpoint: an index and its shards") {
  const Checkpoint model = opened(kSharded);
  CHECK(model.kind == CheckpointKind::kFolder);
  CHECK(model.index_decides);
  REQUIRE(model.index);
  CHECK(model.index->name == "model.safetensors.index.json");
  CHECK(model.index->error.empty());
  CHECK(model.index->index.entries.size() == 3);
  CHECK(names(model, ShardUse::kLoaded) ==
        Names{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"});
  CHECK(names(model, ShardUse::kStray) == Names{"consolidated.safetensors"});
  CHECK(model.shards[2].header->tensors.size() == 1);
  CHECK(model.outside.empty());

  REQUIRE(model.tensors.size() == 3);  // the loader's order; strays have no part in it
  CHECK(model.tensors[0].name == "b");
  CHECK(model.tensors[1].name == "a");
  CHECK(model.tensors[2].name == "c");
  CHECK(model.tensors[2].shard == 1);
  CHECK(shape_text(model.tensors[0].shape) == "[2, 2]");
  CHECK(model.tensors[1].dtype == DType::kBF16);
  CHECK(model.tensors[1].bytes == 6);
  CHECK(model.find("z") == nullptr);
  REQUIRE(model.find("c") == &model.tensors[2]);
  CHECK(floats(*model.find("c")) == std::vector<float>{1, 1});
  CHECK(floats(*model.find("b")) == std::vector<float>{0, 1, 2, 3});

  REQUIRE(model.config_value() != nullptr);
  CHECK(*model.config_value()->find("model_type")->string() == "llama");
  REQUIRE(model.side_files.size() == 1);
  CHECK(model.side_files[0].name == "generation_config.json");
  CHECK(model.side_files[0].error.starts_with("line 1, column 2"));
  CHECK(!model.tokenizer);
}

TEST_CASE("checkpoint: reading past a tensor's end is refused") {
  const Checkpoint model = opened(kSharded);
  const Tensor& tensor = *model.find("c");
  std::array<std::byte, 8> buffer{};
  CHECK(tensor.read(0, buffer));
  CHECK(tensor.read(8, std::span(buffer).first(0)));
  CHECK(tensor.read(1, buffer).error().message == "8 bytes from byte 1 of 'c', which has 8");
  CHECK(!tensor.read(~std::uint64_t{0}, std::span(buffer).first(1)));
}

TEST_CASE("checkpoint: a single file beside an index is what counts") {
  const Checkpoint model = opened(R"({"files": {
      "model.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1], "fill": "one"}}},
      "model-00001-of-00001.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [2]}}},
      "model.safetensors.index.json": {"index": "auto"}}})");
  CHECK(!model.index_decides);
  REQUIRE(model.index);
  CHECK(model.index->index.files.size() == 1);
  CHECK(names(model, ShardUse::kLoaded) == Names{"model.safetensors"});
  CHECK(names(model, ShardUse::kStray) == Names{"model-00001-of-00001.safetensors"});
  REQUIRE(model.tensors.size() == 1);
  CHECK(floats(model.tensors[0]) == std::vector<float>{1});
  CHECK(!model.config);
}

TEST_CASE("checkpoint: a folder whose index is gone, broken or a link to nothing") {
  for (const char* index :
       {R"("x.txt": {"text": ""})", R"("model.safetensors.index.json": {"text": "{"})",
        R"("model.safetensors.index.json": {"json": {"metadata": {}, "weight_map": {}}})",
        R"("model.safetensors.index.json": {"symlink": "nothing"})"}) {
    const Checkpoint model = opened(std::string(R"({"files": {
        "model-00001-of-00002.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1]}}},
        "model-00002-of-00002.safetensors": {"tensors": {"b": {"dtype": "F32", "shape": [1]}}},
        "adapter_model.safetensors": {"tensors": {"c": {"dtype": "F32", "shape": [1]}}},)") +
                                    index + "}}");
    CHECK(!model.index_decides);
    CHECK_MESSAGE(names(model, ShardUse::kLoaded).size() == 2, index);
    CHECK(names(model, ShardUse::kStray) == Names{"adapter_model.safetensors"});
    CHECK(model.tensors.size() == 2);
  }
  const Checkpoint broken = opened(R"({"files": {"a.safetensors": {"zeros": 9},
      "model.safetensors.index.json": {"symlink": "nothing"}}})");
  REQUIRE(broken.index);
  CHECK(broken.index->error == "opening 'model.safetensors.index.json': No such file or directory");
  CHECK(broken.index->entry.kind == EntryKind::kDangling);
}

TEST_CASE("checkpoint: an adapter alone is a model") {
  const Checkpoint model = opened(R"({"files": {"adapter_config.json": {"json": {"r": 8}},
      "adapter_model.safetensors": {"tensors": {"c": {"dtype": "F32", "shape": [1]}}}}})");
  CHECK(names(model, ShardUse::kLoaded) == Names{"adapter_model.safetensors"});
  CHECK(!model.config);
  CHECK(model.side_files.size() == 1);
}

TEST_CASE("checkpoint: shards that an index names and that are not there") {
  const Checkpoint model = opened(R"({"files": {
      "sub/a.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1], "fill": "one"}}},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map": {
          "a": "sub/a.safetensors", "b": "gone.safetensors", "c": "sub/gone.safetensors"}}}}})");
  REQUIRE(model.shards.size() == 3);
  CHECK(model.shards[0].file == "gone.safetensors");
  CHECK(!model.shards[0].present);
  CHECK(model.shards[0].source == nullptr);
  CHECK(model.shards[0].open_error == "opening 'gone.safetensors': No such file or directory");
  CHECK(model.shards[1].file == "sub/a.safetensors");
  CHECK(model.shards[1].present);
  CHECK(!model.shards[2].present);
  CHECK(model.find("a") != nullptr);

  const Checkpoint all_gone = opened(R"({"files": {"model.safetensors.index.json": {"json": {
      "metadata": {}, "weight_map": {"a": "gone.safetensors"}}}}})");
  CHECK(all_gone.shards.size() == 1);
  CHECK(all_gone.tensors.empty());
}

TEST_CASE("checkpoint: names that leave the folder are not opened") {
  auto folder = test::memory_fixture(R"({"files": {
      "a.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1]}}},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map": {
          "a": "a.safetensors", "b": "../b.safetensors", "c": "/etc/passwd", "d": "x/../../b",
          "e": "", "f": "."}}}}})");
  const test::MemoryFolder& watched = *folder;
  const auto model = open_checkpoint(std::move(folder));
  REQUIRE(model);
  CHECK(model->outside == Names{"", ".", "../b.safetensors", "/etc/passwd", "x/../../b"});
  CHECK(model->shards.size() == 1);
  auto files = watched.opened();
  std::ranges::sort(files);
  CHECK(files == Names{"a.safetensors", "model.safetensors.index.json"});
}

TEST_CASE("checkpoint: of equal names the last in the loader's order is found") {
  const Checkpoint model = opened(R"({"files": {
      "model-00001-of-00002.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1], "fill": "zero"}}},
      "model-00002-of-00002.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1], "fill": "one"}}},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map": {
          "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}}}})");
  CHECK(model.tensors.size() == 2);
  CHECK(model.find("a") == &model.tensors[1]);
}

TEST_CASE("checkpoint: a config that names its weights") {
  const Checkpoint model = opened(R"({"files": {
      "config.json": {"json": {"transformers_weights": "mine.safetensors"}},
      "mine.safetensors": {"tensors": {"m": {"dtype": "F32", "shape": [1]}}},
      "model.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1]}}}}})");
  CHECK(names(model, ShardUse::kLoaded) == Names{"mine.safetensors"});
  CHECK(names(model, ShardUse::kStray) == Names{"model.safetensors"});
}

TEST_CASE("checkpoint: one file is judged alone") {
  const test::TempDir dir;
  test::write_fixture(kSharded, dir.path());
  const auto model = open_checkpoint(dir.file("consolidated.safetensors"));
  REQUIRE(model);
  CHECK(model->kind == CheckpointKind::kFile);
  CHECK(model->directory == dir.path());
  CHECK(names(*model, ShardUse::kLoaded) == Names{"consolidated.safetensors"});
  CHECK(!model->config);
  CHECK(!model->index);
  CHECK(model->side_files.empty());
  CHECK(model->folder->entries().size() == 1);
  CHECK(model->find("z") != nullptr);
}

TEST_CASE("checkpoint: an index given by name has its own shards") {
  const test::TempDir dir;
  test::write_fixture(kSharded, dir.path());
  test::write_file(dir.file("model.safetensors"),
                   test::read_file(dir.file("consolidated.safetensors")));
  const auto folder = open_checkpoint(dir.path());
  REQUIRE(folder);
  CHECK(names(*folder, ShardUse::kLoaded) == Names{"model.safetensors"});
  const auto model = open_checkpoint(dir.file("model.safetensors.index.json"));
  REQUIRE(model);
  CHECK(model->kind == CheckpointKind::kIndex);
  CHECK(model->index_decides);
  CHECK(names(*model, ShardUse::kLoaded).size() == 2);
  CHECK(names(*model, ShardUse::kStray).empty());
  CHECK(model->config_value() != nullptr);
}

TEST_CASE("checkpoint: the tokenizer is read where it is asked for") {
  constexpr std::string_view kFiles = R"({"files": {
      "model.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1]}}},
      "tokenizer.json": {"json": {"model": {"type": "BPE", "vocab": {"a": 0, "b": 31}}}},
      "added_tokens.json": {"json": {"<pad>": 32}}}})";
  CHECK(!opened(kFiles).tokenizer);
  const Checkpoint model = opened(kFiles, {.tokenizer = true});
  REQUIRE(model.tokenizer);
  CHECK(model.tokenizer->top()->id == 32);
  CHECK(model.tokenizer->vocabulary_top->id == 31);
}

TEST_CASE("checkpoint: the same facts with any number of threads") {
  for (const int threads : {1, 2, 8}) {
    const Checkpoint model = opened(kSharded, {.threads = threads});
    CHECK(model.tensors.size() == 3);
    CHECK(model.shards.size() == 3);
    CHECK(model.index_decides);
  }
}

}  // namespace shardwright
