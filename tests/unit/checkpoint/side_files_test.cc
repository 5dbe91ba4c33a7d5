#include "checkpoint/side_files.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/memory_folder.h"

namespace shardwright {

TEST_CASE("checkpoint: which JSON files are read") {
  test::MemoryFolder folder;
  for (const char* name :
       {"config.json", "tokenizer.json", "vocab.json", "model.safetensors.index.json",
        "model.safetensors.index.fp16.json", "pytorch_model.bin.index.json", ".hidden.json",
        "generation_config.json", "notes.json", "readme.md"}) {
    folder.add_file(name, "{}");
  }
  folder.add_folder("folder.json");
  folder.add_folder("tokenizer_config.json");
  folder.add_file("trainer_state.json", "", kMaxOtherSideFile + 1);
  folder.add_file("special_tokens_map.json", "", kMaxOtherSideFile + 1);
  CHECK(side_file_names(folder) == std::vector<std::string>{"generation_config.json", "notes.json",
                                                            "pytorch_model.bin.index.json",
                                                            "special_tokens_map.json",
                                                            "tokenizer_config.json"});
}

TEST_CASE("checkpoint: of very many JSON files some are left") {
  test::MemoryFolder folder;
  for (int i = 0; i < 1000; ++i)
    folder.add_file("log-" + std::to_string(i) + ".json", "{}");
  folder.add_file("tokenizer_config.json", "{}");
  const auto names = side_file_names(folder);
  CHECK(names.size() == kMaxOtherSideFiles + 1);
  CHECK(names.back() == "tokenizer_config.json");
}

TEST_CASE("checkpoint: a side file is its text and value, or its error") {
  test::MemoryFolder folder;
  folder.add_file("a.json", R"({"x": 1})");
  folder.add_file("b.json", "{\n 1}");
  folder.add_file("c.json", "", kMaxSideFile + 1);
  folder.add_file("d.json", "{}");
  folder.refuse("d.json");
  folder.add_dangling("e.json");
  const SideFile good = read_side_file(folder, "a.json");
  CHECK(good.text == R"({"x": 1})");
  CHECK(good.error.empty());
  REQUIRE(good.document);
  CHECK(good.document->root.find("x")->whole_number() == 1);
  const SideFile broken = read_side_file(folder, "b.json");
  CHECK(!broken.document);
  CHECK(broken.error.starts_with("line 2, column 2: "));
  CHECK(broken.text == "{\n 1}");
  CHECK(read_side_file(folder, "c.json").error ==
        "reading 'c.json': 67108865 bytes where at most 67108864 are read");
  CHECK(read_side_file(folder, "d.json").error == "opening 'd.json': Permission denied");
  CHECK(read_side_file(folder, "e.json").error == "opening 'e.json': No such file or directory");
}

TEST_CASE("checkpoint: the files of a tokenizer") {
  test::MemoryFolder folder;
  CHECK(!read_tokenizer(folder, nullptr));
  folder.add_file("vocab.txt", "a\nb\nc\n");
  CHECK(!read_tokenizer(folder, nullptr));
  const auto bert = json::parse(R"({"model_type": "bert"})");
  REQUIRE(bert);
  CHECK(read_tokenizer(folder, &bert->root)->top()->file == "vocab.txt");
  CHECK(read_tokenizer(folder, &bert->root)->top()->id == 2);
  folder.add_file("vocab.json", R"({"a": 3})");
  CHECK(read_tokenizer(folder, nullptr)->top()->file == "vocab.json");
  folder.add_file("tokenizer.json", R"({"model": {"type": "BPE", "vocab": {"a": 4}}})");
  auto facts = read_tokenizer(folder, nullptr);
  REQUIRE(facts);
  CHECK(facts->top()->id == 4);
  folder.add_file("tokenizer_config.json", R"({"added_tokens_decoder": {"5": {"content": "x"}}})");
  folder.add_file("added_tokens.json", R"({"y": 6})");
  const std::vector<SideFile> files = {read_side_file(folder, "tokenizer_config.json"),
                                       read_side_file(folder, "added_tokens.json")};
  add_side_tokens(files, facts);
  CHECK(facts->top()->id == 6);
  CHECK(facts->added == 2);
  folder.refuse("tokenizer.json");
  const auto refused = read_tokenizer(folder, nullptr);
  REQUIRE(refused);
  REQUIRE(refused->broken.size() == 1);
  CHECK(refused->broken[0].file == "tokenizer.json");
  CHECK(refused->broken[0].error == "opening 'tokenizer.json': Permission denied");
}

}  // namespace shardwright
