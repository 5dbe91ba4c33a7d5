#include "checkpoint/selection.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/memory_folder.h"

namespace shardwright {
namespace {

using Names = std::vector<std::string>;

Weights weights_of(const Names& files, std::string_view configured = {}) {
  test::MemoryFolder folder;
  for (const std::string& file : files)
    folder.add_file(file, "x");
  return choose_weights(folder, configured);
}

constexpr std::string_view kFirst = "model-00001-of-00002.safetensors";
constexpr std::string_view kSecond = "model-00002-of-00002.safetensors";

}  // namespace

TEST_CASE("checkpoint: names of shards and indexes") {
  CHECK(is_shard_name("model.safetensors"));
  CHECK(is_shard_name("model.fp16.safetensors"));
  CHECK(!is_shard_name(".safetensors"));
  CHECK(!is_shard_name("._model.safetensors"));  // what macOS leaves on other disks
  CHECK(!is_shard_name("model.safetensors.index.json"));
  CHECK(is_index_name("model.safetensors.index.json"));
  CHECK(is_index_name("diffusion_pytorch_model.safetensors.index.json"));
  CHECK(is_index_name("model.safetensors.index.fp16.json"));
  CHECK(!is_index_name("pytorch_model.bin.index.json"));
  CHECK(!is_index_name("._model.safetensors.index.json"));
  CHECK(!is_index_name(".safetensors.index.json"));
}

TEST_CASE("checkpoint: the single file comes before the index, as in transformers") {
  const Weights both = weights_of({"model.safetensors", "model.safetensors.index.json"});
  CHECK(both.single == "model.safetensors");
  CHECK(both.index == "model.safetensors.index.json");
  CHECK(weights_of({"model.safetensors"}).index.empty());
  const Weights index = weights_of({"model.safetensors.index.json", "other.safetensors"});
  CHECK(index.single.empty());
  CHECK(index.index == "model.safetensors.index.json");
  CHECK(weights_of({"diffusion_pytorch_model.safetensors", "a.safetensors.index.json"}).single ==
        "diffusion_pytorch_model.safetensors");
  CHECK(weights_of({"model.safetensors.index.fp16.json"}).index ==
        "model.safetensors.index.fp16.json");
  CHECK(weights_of({"model.fp16.safetensors"}).single.empty());
}

TEST_CASE("checkpoint: a config may name the weights") {
  const Names files = {"model.safetensors", "other.safetensors", "x.safetensors.index.json"};
  CHECK(weights_of(files, "other.safetensors").single == "other.safetensors");
  const Weights index = weights_of(files, "x.safetensors.index.json");
  CHECK(index.single.empty());
  CHECK(index.index == "x.safetensors.index.json");
  CHECK(weights_of(files, "absent.safetensors").single == "model.safetensors");
  CHECK(weights_of(files, "../other.safetensors").single == "model.safetensors");
}

TEST_CASE("checkpoint: what is no file is not taken for the single file") {
  test::MemoryFolder folder;
  folder.add_dangling("model.safetensors");
  CHECK(choose_weights(folder, "").single.empty());
  folder.add_file("model.safetensors.index.json", "{}");
  CHECK(choose_weights(folder, "").index == "model.safetensors.index.json");
}

TEST_CASE("checkpoint: loaded shards, strays, and names that leave the folder") {
  const Names listed = {"consolidated.safetensors", std::string(kFirst), std::string(kSecond)};
  const std::vector<std::string_view> indexed = {
      kSecond, kFirst, kSecond, "sub/a.safetensors", "../b.safetensors", "/etc/passwd"};
  const Selection by_index = select_shards({.index = "i"}, listed, indexed);
  CHECK(by_index.index_decides);
  CHECK(by_index.loaded == Names{std::string(kFirst), std::string(kSecond), "sub/a.safetensors"});
  CHECK(by_index.strays == Names{"consolidated.safetensors"});
  CHECK(by_index.outside == Names{"../b.safetensors", "/etc/passwd"});

  const Selection single =
      select_shards({.single = "consolidated.safetensors", .index = "i"}, listed, indexed);
  CHECK(!single.index_decides);
  CHECK(single.loaded == Names{"consolidated.safetensors"});
  CHECK(single.strays == Names{std::string(kFirst), std::string(kSecond)});
  CHECK(single.outside.size() == 2);

  const Selection numbered = select_shards({.index = "i"}, listed, {});
  CHECK(!numbered.index_decides);
  CHECK(numbered.loaded == Names{std::string(kFirst), std::string(kSecond)});
  CHECK(numbered.strays == Names{"consolidated.safetensors"});

  const Names others = {"a.safetensors", "model-1-of-2.safetensors"};
  CHECK(select_shards({}, others, {}).loaded == others);
  const std::vector<std::string_view> leaving = {"../a.safetensors"};
  const Selection none = select_shards({.index = "i"}, listed, leaving);
  CHECK(none.index_decides);
  CHECK(none.loaded.empty());
}

}  // namespace shardwright
