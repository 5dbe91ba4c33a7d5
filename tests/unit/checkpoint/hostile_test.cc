// Files that are not what their names say, and folders that change while they are read.
#include <sys/stat.h>

#include <string>

#include <doctest/doctest.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/read_shard.h"
#include "support/fixture.h"
#include "support/temp_dir.h"

namespace shardwright {

using safetensors::ForeignKind;

TEST_CASE("checkpoint: a shard is opened once and read in as few calls as can be") {
  std::string tensors;
  for (int i = 0; i < 2000; ++i)
    tensors +=
        R"("model.layers.)" + std::to_string(i) + R"(.weight": {"dtype": "F32", "shape": [1]},)";
  tensors.pop_back();
  const auto folder = test::memory_fixture(
      R"({"files": {"small.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [100000]}}},
          "large.safetensors": {"tensors": {)" +
      tensors + "}}}}");
  const Shard small = read_shard(*folder, "small.safetensors");
  const Shard large = read_shard(*folder, "large.safetensors");
  REQUIRE((small.header && large.header));
  CHECK(small.header->tensors.size() == 1);
  CHECK(large.header->tensors.size() == 2000);
  CHECK(folder->traffic("small.safetensors").reads == 1);
  CHECK(folder->traffic("small.safetensors").bytes == 4096);
  CHECK(folder->traffic("large.safetensors").reads == 2);
  CHECK(folder->traffic("large.safetensors").bytes == 8 + large.header->header_bytes);
  CHECK(folder->opened().size() == 2);
}

TEST_CASE("checkpoint: files that are no safetensors are kept as what they are") {
  const auto folder = test::memory_fixture(R"({"files": {
      "lfs.safetensors": {"text": "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 99\n"},
      "empty.safetensors": {"text": ""}, "zeros.safetensors": {"zeros": 5000},
      "gguf.safetensors": {"hex": "4747554603000000"},
      "tail.safetensors": {"header": "{}", "data": "00"}}})");
  const Shard lfs = read_shard(*folder, "lfs.safetensors");
  CHECK(lfs.present);
  CHECK(lfs.foreign == ForeignKind::kLfsPointer);
  CHECK(lfs.start == "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 99\n");
  CHECK(!lfs.header);
  CHECK(lfs.open_error.empty());
  CHECK(read_shard(*folder, "empty.safetensors").foreign == ForeignKind::kEmpty);
  const Shard zeros = read_shard(*folder, "zeros.safetensors");
  CHECK(zeros.foreign == ForeignKind::kZeros);
  CHECK(zeros.start.size() == 1024);
  CHECK(read_shard(*folder, "gguf.safetensors").foreign == ForeignKind::kGguf);
  const Shard tail = read_shard(*folder, "tail.safetensors");
  REQUIRE(tail.header);
  CHECK(tail.header->count(safetensors::DefectKind::kTrailingBytes) == 1);
}

TEST_CASE("checkpoint: what is no file does not hang, and says what it is") {
  const test::TempDir dir;
  test::write_fixture(R"({"files": {"c.safetensors": {"folder": true},
      "d.safetensors": {"symlink": "nothing"}, "e.safetensors": {"symlink": "/dev/zero"}}})",
                      dir.path());
  REQUIRE(::mkfifo(dir.file("f.safetensors").c_str(), 0600) == 0);
  const auto model = open_checkpoint(dir.path());
  REQUIRE(model);
  REQUIRE(model->shards.size() == 4);
  const char* const expected[] = {
      "opening 'c.safetensors': a folder, not a file", "opening 'd.safetensors': a link to nothing",
      "opening 'e.safetensors': not a regular file", "opening 'f.safetensors': not a regular file"};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(model->shards[i].present);
    CHECK(model->shards[i].source == nullptr);
    CHECK(model->shards[i].open_error == expected[i]);
  }
  CHECK(model->shards[1].entry.kind == EntryKind::kDangling);
  CHECK(model->tensors.empty());
}

TEST_CASE("checkpoint: a file that shrinks while it is read") {
  auto folder = test::memory_fixture(R"({"files": {
      "a.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [4]}}}, "b.safetensors": {"zeros": 100},
      "config.json": {"json": {}}}})");
  folder->shrink("a.safetensors", 20);
  folder->shrink("b.safetensors", 0);
  folder->shrink("config.json", 1);
  const auto model = open_checkpoint(std::move(folder));
  REQUIRE(model);
  CHECK(model->shards[0].open_error == "reading 'a.safetensors': the file ends at byte 20");
  CHECK(model->shards[1].open_error == "reading 'b.safetensors': the file ends at byte 0");
  CHECK(!model->shards[0].header);
  CHECK(model->config->error == "reading 'config.json': the file ends at byte 1");
}

TEST_CASE("checkpoint: entries with hostile numbers are not readable") {
  const auto model = open_checkpoint(test::memory_fixture(R"({"files": {"a.safetensors": {
      "header": "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[18446744073709551611,18446744073709551615]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]},\"c\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
      "data": {"zeros": 8}}}})"));
  REQUIRE(model);
  REQUIRE(model->tensors.size() == 3);
  for (const Tensor& tensor : model->tensors) {
    CHECK(tensor.readable == (tensor.name == "c"));
    CHECK(tensor.bytes == (tensor.name == "c" ? 8 : 0));
  }
  std::byte one{};
  CHECK(model->find("a")->read(0, {&one, 1}).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("checkpoint: a name with control characters is a name like any other") {
  auto folder = std::make_unique<test::MemoryFolder>();
  folder->add_file("a\n\x1b[31m.safetensors", "x");
  folder->refuse("a\n\x1b[31m.safetensors");
  const auto model = open_checkpoint(std::move(folder));
  REQUIRE(model);
  CHECK(model->shards[0].open_error ==
        "opening 'a\\u{a}\\u{1b}[31m.safetensors': Permission denied");
}

TEST_CASE("checkpoint: an index of a hundred thousand shards is bounded") {
  std::string map;
  for (int i = 0; i < 100'000; ++i)
    map += "\"t" + std::to_string(i) + "\":\"" + std::to_string(i) + ".safetensors\",";
  map.pop_back();
  auto folder = std::make_unique<test::MemoryFolder>();
  folder->add_file("model.safetensors.index.json", R"({"metadata":{},"weight_map":{)" + map + "}}");
  const auto model = open_checkpoint(std::move(folder));
  REQUIRE(model);
  CHECK(model->index->index.files.size() == 100'000);
  CHECK(model->shards.size() == 65'536);
}

}  // namespace shardwright
