#include "checkpoint/model_path.h"

#include <sys/stat.h>

#include <string>

#include <doctest/doctest.h>

#include "support/fixture.h"
#include "support/temp_dir.h"
#include "support/unprivileged.h"

namespace shardwright {
namespace {

Error error_of(const std::string& path) {
  const auto opened = open_checkpoint(path);
  REQUIRE(!opened);
  return opened.error();
}

// The message for a folder of these files, with "DIR" for its path.
std::string folder_refusal(std::string_view description) {
  const test::TempDir dir;
  test::write_fixture(description, dir.path());
  const Error error = error_of(dir.path());
  CHECK(error.code == ErrorCode::kUnsupported);
  std::string message = error.message;
  for (std::size_t at = message.find(dir.path()); at != std::string::npos;
       at = message.find(dir.path())) {
    message.replace(at, dir.path().size(), "DIR");
  }
  return message;
}

}  // namespace

TEST_CASE("checkpoint: a MODEL is a folder, a file or an index") {
  const test::TempDir dir;
  test::write_fixture(R"({"files": {
      "model.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1]}}},
      "x.safetensors.index.json": {"index": "auto"}, "l": {"symlink": "model.safetensors"}}})",
                      dir.path());
  const auto folder = locate_model(dir.path());
  REQUIRE(folder);
  CHECK(folder->kind == CheckpointKind::kFolder);
  CHECK(folder->directory == dir.path());
  const auto file = locate_model(dir.file("model.safetensors"));
  REQUIRE(file);
  CHECK(file->kind == CheckpointKind::kFile);
  CHECK(file->directory == dir.path());
  CHECK(file->file == "model.safetensors");
  const auto index = locate_model(dir.file("x.safetensors.index.json"));
  REQUIRE(index);
  CHECK(index->kind == CheckpointKind::kIndex);
  CHECK(index->file == "x.safetensors.index.json");
  CHECK(locate_model(dir.file("l")).error().code == ErrorCode::kUnsupported);
}

TEST_CASE("checkpoint: what is no MODEL is told why") {
  const test::TempDir dir;
  test::write_fixture(R"({"files": {"a.txt": {"text": "x"}, "m.bin": {"text": "x"},
      "link.safetensors": {"symlink": "none"}}})",
                      dir.path());
  REQUIRE(::mkfifo(dir.file("f.safetensors").c_str(), 0600) == 0);
  const std::string base = "'" + dir.path();
  CHECK(error_of(dir.file("none")).message == "no file or folder " + base + "/none'");
  CHECK(error_of(dir.file("none")).code == ErrorCode::kNotFound);
  CHECK(error_of("").message == "no file or folder ''");
  CHECK(error_of("/no/such\x1b[31m").message == "no file or folder '/no/such\\u{1b}[31m'");
  CHECK(error_of(dir.file("a.txt")).message ==
        base +
            "/a.txt' is no model: name a folder, a .safetensors file, a .safetensors.index.json "
            "or a hub id");
  CHECK(error_of(dir.file("m.bin")).message ==
        base +
            "/m.bin' is no safetensors file; pickled weights are not read: load the model in "
            "transformers and write it with save_pretrained() (merge alone takes pytorch_model.bin "
            "as it "
            "is, by its folder)");
  CHECK(error_of(dir.file("link.safetensors")).message ==
        base + "/link.safetensors' is a link to nothing");
  CHECK(error_of(dir.file("link.safetensors")).code == ErrorCode::kNotFound);
  CHECK(error_of(dir.file("f.safetensors")).message ==
        "opening " + base + "/f.safetensors': not a regular file");
  CHECK(error_of(dir.file("f.safetensors")).code == ErrorCode::kIo);
  CHECK(error_of("https://huggingface.co/org/name").code == ErrorCode::kUnsupported);
}

TEST_CASE("checkpoint: a folder without a model is told what it has") {
  CHECK(folder_refusal(R"({"files": {}})") == "'DIR' is empty");
  CHECK(folder_refusal(R"({"files": {"config.json": {"json": {}}}})") ==
        "nothing in 'DIR' is a model: it has no .safetensors file and no .safetensors.index.json, "
        "only 'config.json'");
  CHECK(folder_refusal(R"({"files": {"a": {"text": ""}, "b": {"text": ""}}})")
            .ends_with("only 'a' and 1 more entry"));
  CHECK(folder_refusal(R"({"files": {"a": {"text": ""}, "b": {"text": ""}, "c": {"text": ""}}})")
            .ends_with("only 'a' and 2 more entries"));
  CHECK(
      folder_refusal(
          R"({"files": {"config.json": {"json": {}}, "pytorch_model.bin": {"text": "x"}}})") ==
      "'DIR' has 'pytorch_model.bin' and no .safetensors file; pickled weights are not read: load "
      "the model in transformers and write it with save_pretrained() (merge alone takes "
      "pytorch_model.bin as it is, by its folder)");
  CHECK(folder_refusal(R"({"files": {"model-q4.gguf": {"text": "x"}}})") ==
        "'DIR' has 'model-q4.gguf', which is not read, and no .safetensors file");
  CHECK(
      folder_refusal(
          R"({"files": {"checkpoint-5/model.safetensors": {"text": "x"}, "log": {"text": "x"}}})") ==
      "nothing in 'DIR' itself is a model; there is one in 'DIR/checkpoint-5'");
  CHECK(
      folder_refusal(
          R"({"files": {"refs/main": {"text": "x"}, "snapshots/01/model.safetensors": {"text": "x"}}})") ==
      "nothing in 'DIR' itself is a model; there is one in 'DIR/snapshots/01'");
  // What an earlier repair kept is no model.
  CHECK(folder_refusal(R"({"files": {".shardwright-undo/model.safetensors": {"text": "x"}}})")
            .ends_with("only '.shardwright-undo'"));
}

TEST_CASE("checkpoint: a MODEL that may not be read") {
  const test::TempDir dir;
  test::write_fixture(
      R"({"files": {"in/model.safetensors": {"zeros": 1}}, "mode": {"in/model.safetensors": "0000"}})",
      dir.path());
  REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
  REQUIRE(::chmod(dir.file("in").c_str(), 0755) == 0);
  const test::Unprivileged nobody;
  if (!nobody.holds()) return;
  const Error file = error_of(dir.file("in/model.safetensors"));
  CHECK(file.code == ErrorCode::kIo);
  CHECK(file.message == "opening 'model.safetensors': Permission denied");
  const auto folder = open_checkpoint(dir.file("in"));
  REQUIRE(folder);  // a file inside that cannot be read is a fact
  REQUIRE(folder->shards.size() == 1);
  CHECK(folder->shards[0].present);
  CHECK(folder->shards[0].source == nullptr);
  CHECK(folder->shards[0].open_error == "opening 'model.safetensors': Permission denied");
}

}  // namespace shardwright
