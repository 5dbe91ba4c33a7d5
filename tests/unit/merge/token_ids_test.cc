#include "merge/token_ids.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/fixture.h"

namespace shardwright {
namespace {

Vocabulary words(std::string_view vocab) {
  auto vocabulary = parse_vocabulary(R"({"model": {"vocab": )" + std::string(vocab) + "}}");
  REQUIRE(vocabulary);
  return *std::move(vocabulary);
}

Checkpoint configured(std::string_view config, std::string_view generation) {
  auto opened = open_checkpoint(test::memory_fixture(
      R"({"files": {"model.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1]}}},
          "config.json": {"json": )" +
      std::string(config) + R"(}, "generation_config.json": {"json": )" + std::string(generation) +
      "}}}"));
  REQUIRE(opened);
  return *std::move(opened);
}

std::string text_of(const MergePlan& plan) {
  std::string text;
  for (const ConfigValue& value : plan.config_values)
    text += value.pointer + "=" + value.text + " ";
  return text;
}

}  // namespace

TEST_CASE("token ids: the same tokens, at the top, in nested configs and in lists") {
  const Vocabulary from = words(R"({"<s>": 0, "</s>": 1, "x": 2, "<pad>": 3})");
  const Vocabulary to = words(R"({"x": 0, "</s>": 1, "<s>": 2, "<unk>": 3})");
  const Checkpoint donor = configured(
      R"({"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 3, "sep_token_id": -1,
          "mask_token_id": null, "hidden_size": 2, "unk_token_id": 3,
          "text_config": {"bos_token_id": 0, "vocab_size": 4}})",
      R"({"eos_token_id": [1, 2, 3], "temperature": 0.1})");
  const Checkpoint source =
      configured(R"({"unk_token_id": 3, "pad_token_id": 9})", R"({"eos_token_id": 1})");
  MergePlan plan;
  map_token_ids({.from = from, .to = to, .donor = donor, .source = source}, plan);
  // <pad> is gone: the source's own value, where the result has a row for it.
  CHECK(text_of(plan) == "/bos_token_id=2 /pad_token_id=null /text_config/bos_token_id=2 ");
  REQUIRE(plan.files.size() == 1);
  CHECK(plan.files[0].text == "{\n  \"eos_token_id\": [1, 0],\n  \"temperature\": 0.1\n}\n");
  REQUIRE(plan.notes.size() == 2);
  CHECK(plan.notes[0] ==
        "the token of '/pad_token_id' in 'config.json' is not in the result: null");
}

TEST_CASE("token ids: nothing changes where all tokens keep theirs") {
  const Vocabulary from = words(R"({"<s>": 0, "</s>": 1})");
  const Vocabulary to = words(R"({"<s>": 0, "</s>": 1, "x": 2})");
  const Checkpoint donor = configured(R"({"bos_token_id": 0, "eos_token_id": [1]})",
                                      R"({"eos_token_id": [1], "pad_token_id": 7})");
  MergePlan plan;
  map_token_ids({.from = from, .to = to, .donor = donor, .source = donor}, plan);
  CHECK(plan.config_values.empty());
  CHECK(plan.files.empty());
  CHECK(plan.notes.empty());
}

}  // namespace shardwright
