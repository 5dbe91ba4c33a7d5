#include "merge/tokenizer_files.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "json/value.h"
#include "merge/chat_template.h"
#include "support/fixture.h"

namespace shardwright {
namespace {

Checkpoint folder_with(std::string_view files) {
  auto opened = open_checkpoint(test::memory_fixture(
      R"({"files": {"model.safetensors": {"tensors": {"a": {"dtype": "F32", "shape": [1]}}})" +
      std::string(files) + "}}"));
  REQUIRE(opened);
  return *std::move(opened);
}

std::string why_not(const Checkpoint& checkpoint) {
  const auto vocabulary = read_vocabulary(checkpoint);
  REQUIRE(!vocabulary);
  return vocabulary.error().message;
}

constexpr std::string_view kVocabulary =
    R"("tokenizer.json": {"json": {"added_tokens": [{"id": 1, "content": "<s>"}],
                                   "model": {"vocab": {"a": 0}}}})";

std::string with_settings(std::string_view decoder) {
  return "," + std::string(kVocabulary) +
         R"(, "tokenizer_config.json": {"json": {"added_tokens_decoder": )" + std::string(decoder) +
         "}}";
}

}  // namespace

TEST_CASE("tokenizer files: what a folder has") {
  const auto none = read_vocabulary(folder_with(""));
  REQUIRE(none);
  CHECK(!*none);
  CHECK(why_not(folder_with(R"(, "tokenizer.model": {"text": "x"})"))
            .starts_with("it has 'tokenizer.model' and no 'tokenizer.json'"));
  CHECK(
      why_not(folder_with(R"(, "vocab.json": {"text": "{}"})")).starts_with("it has 'vocab.json'"));
  CHECK(why_not(folder_with(R"(, "tokenizer.json": {"text": "["})"))
            .starts_with("'tokenizer.json': "));
}

TEST_CASE("tokenizer files: tokens that the settings add") {
  const auto added = read_vocabulary(folder_with(with_settings(R"({"2": {"content": "<pad>"}})")));
  REQUIRE(added);
  REQUIRE(*added);
  CHECK((*added)->find("<pad>") == 2U);
  CHECK(why_not(folder_with(with_settings(R"({"4": {"content": "<pad>"}})"))) ==
        "the token '<pad>' has the id 4 in 'tokenizer_config.json', and loaders give it 2");
  CHECK(why_not(folder_with(with_settings(R"({"2": {"content": "<s>"}})")))
            .starts_with("the token '<s>' has the id 1 in 'tokenizer.json' and 2"));
  CHECK(why_not(folder_with(with_settings(R"({"2": {}})"))).find("no content") !=
        std::string::npos);
}

TEST_CASE("tokenizer files: lists of added tokens follow, and nothing else changes") {
  Vocabulary vocabulary;
  {
    auto read = read_vocabulary(folder_with("," + std::string(kVocabulary)));
    REQUIRE(read);
    vocabulary = **read;
  }
  add_token(vocabulary, "<new>", plain_entry("<new>"));
  std::vector<PlannedText> files = {
      {"tokenizer.json", R"({"x": 1e-05, "added_tokens": [], "model": {"vocab": {"a": 0}}})"},
      {"tokenizer_config.json",
       R"({"pad_token": {"content": "<gone>"}, "eos_token": "<s>", "added_tokens_decoder": {}})"},
      {"special_tokens_map.json",
       R"({"additional_special_tokens": ["<gone>", "<s>"], "pad_token": "<gone>", "x": 1})"},
      {"added_tokens.json", R"({"<gone>": 1})"},
      {"vocab.json", R"({"a": 0})"},
  };
  REQUIRE(set_vocabulary(files, vocabulary, {"<gone>"}));
  CHECK(files[0].text.starts_with(R"({"x": 1e-05, "added_tokens": [)"));
  const auto again = parse_vocabulary(files[0].text);
  REQUIRE(again);
  CHECK(again->ids == vocabulary.ids);
  CHECK(files[1].text.find("pad_token") == std::string::npos);
  CHECK(files[1].text.find(R"("eos_token": "<s>")") != std::string::npos);
  const auto settings = json::parse(files[1].text);
  REQUIRE(settings);
  CHECK(settings->root.find_path("added_tokens_decoder.2.content") != nullptr);
  CHECK(settings->root.find_path("added_tokens_decoder.2.id") == nullptr);
  CHECK(files[2].text.find("<gone>") == std::string::npos);
  CHECK(files[2].text.find(R"(["<s>"])") != std::string::npos);
  CHECK(files[3].text == "{\n  \"<s>\": 1,\n  \"<new>\": 2\n}\n");
  CHECK(files[4].text == R"({"a": 0})");
}

TEST_CASE("tokenizer files: where a chat template stands") {
  const Checkpoint own = folder_with(R"(, "chat_template.jinja": {"text": "{{ own }}\n"},
      "tokenizer_config.json": {"json": {"chat_template": "{{ old }}"}})");
  CHECK(chat_template_of(own) == "{{ own }}\n");
  const Checkpoint several = folder_with(R"(, "tokenizer_config.json": {"json": {"chat_template": [
      {"name": "tools", "template": "{{ 1 }}"}, {"name": "default", "template": " {{ own }} "}]}})");
  CHECK(chat_template_of(several) == " {{ own }} ");
  const Checkpoint other =
      folder_with(R"(, "tokenizer_config.json": {"json": {"chat_template": "{{ other }}"}})");
  const Checkpoint none = folder_with("");
  CHECK(chat_template_of(none).empty());
  const auto common = chosen_chat_template("auto", {&none, &other, &several, &own});
  REQUIRE(common);
  CHECK(*common == "{{ own }}");
  const auto first = chosen_chat_template("auto", {&other, &own});
  REQUIRE(first);
  CHECK(*first == "{{ other }}");
  CHECK(!chosen_chat_template("auto", {&none}));
  CHECK(!chosen_chat_template("nobody", {&own}));
  CHECK(*chosen_chat_template("{{ text }}", {}) == "{{ text }}");
  CHECK(chosen_chat_template("chatml", {})->find("<|im_start|>") != std::string::npos);

  std::vector<PlannedText> files = {{"tokenizer_config.json", "{}"}};
  REQUIRE(set_chat_template(files, "{{ new }}"));
  REQUIRE(files.size() == 2);
  CHECK(files[1].name == "chat_template.jinja");
  files = {{"tokenizer_config.json", R"({"chat_template": "old"})"}};
  REQUIRE(set_chat_template(files, "{{ \"new\" }}"));
  REQUIRE(files.size() == 1);
  CHECK(files[0].text == R"({"chat_template": "{{ \"new\" }}"})");
}

}  // namespace shardwright
