#include "tokenizer/vocabulary.h"

#include <string>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

Vocabulary parsed(std::string_view text) {
  auto vocabulary = parse_vocabulary(text);
  REQUIRE_MESSAGE(vocabulary, (vocabulary ? "" : vocabulary.error().message));
  return *std::move(vocabulary);
}

std::string refusal(std::string_view text) {
  const auto vocabulary = parse_vocabulary(text);
  REQUIRE(!vocabulary);
  return vocabulary.error().message;
}

constexpr std::string_view kBpe = R"({
  "added_tokens": [
    {"id": 0, "content": "<s>", "special": true},
    {"id": 3, "content": "<pad>", "special": true, "lstrip": true}
  ],
  "model": {"type": "BPE", "vocab": {"<s>": 0, "b": 2, "\u00e9": 1}, "merges": ["a b"]}
})";

}  // namespace

TEST_CASE("vocabulary: tokens of a BPE and what was added to it") {
  Vocabulary vocabulary = parsed(kBpe);
  CHECK(vocabulary.model_type == "BPE");
  CHECK(vocabulary.model.size() == 3);
  CHECK(vocabulary.model[1].second == "\xC3\xA9");
  CHECK(vocabulary.find("\xC3\xA9") == 1U);
  CHECK(vocabulary.find("<pad>") == 3U);
  CHECK(!vocabulary.find("c"));
  CHECK(vocabulary.added[0].in_model);
  CHECK(!vocabulary.added[1].in_model);
  CHECK(vocabulary.end() == 4);
  CHECK(vocabulary.next() == 4);

  add_token(vocabulary, "<new>", plain_entry("<new>"));
  CHECK(vocabulary.find("<new>") == 4U);
  CHECK(vocabulary.next() == 5);
  const std::string text = added_tokens_text(vocabulary);
  CHECK(text.find(R"("lstrip": true)") != std::string::npos);
  // What is written is read as it was.
  const Vocabulary again =
      parsed(R"({"model": {"vocab": {"<s>": 0, "b": 2, "x": 1}}, "added_tokens": )" + text + "}");
  CHECK(again.find("<new>") == 4U);
  CHECK(again.added.size() == 3);
}

TEST_CASE("vocabulary: ids of a Unigram are positions") {
  const Vocabulary vocabulary =
      parsed(R"({"model": {"type": "Unigram", "vocab": [["<unk>", 0.0], ["a", -1.5e0]]}})");
  CHECK(vocabulary.find("a") == 1U);
  CHECK(vocabulary.next() == 2);
}

TEST_CASE("vocabulary: an added token gets the id behind the model's, whatever holes there are") {
  const Vocabulary vocabulary = parsed(
      R"({"model": {"vocab": {"a": 0, "b": 7}}, "added_tokens": [{"id": 2, "content": "<s>"}]})");
  CHECK(vocabulary.end() == 8);
  CHECK(vocabulary.next() == 3);
  CHECK(
      refusal(R"({"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 5, "content": "<s>"}]})") ==
      "the added token '<s>' has the id 5, and loaders give it 1");
}

TEST_CASE("vocabulary: what is no tokenizer.json is refused, with its place") {
  CHECK(refusal("[]").find("it is no JSON object") != std::string::npos);
  CHECK(refusal("{}").find("no 'model' with a 'vocab'") != std::string::npos);
  CHECK(refusal(R"({"model": {"vocab": {"a": 0,}}})").starts_with("line 1, column 28: "));
  CHECK(refusal(R"({"model": {"vocab": {"a": -1}}})").find("'a' has no id") != std::string::npos);
  CHECK(refusal(R"({"model": {"vocab": {"a": 0, "a": 1}}})").find("stands twice") !=
        std::string::npos);
  CHECK(refusal(R"({"model": {"vocab": {"a": 4294967296}}})").find("too large") !=
        std::string::npos);
  CHECK(refusal(R"({"model": {"vocab": [["a"]]}})").find("no pair") != std::string::npos);
  CHECK(refusal(R"({"model": {"vocab": [["a", 1)").starts_with("line 1, column 29: "));
  CHECK(refusal("{\"model\": {\"vocab\": {\"\xFF\": 0}}}").find("UTF-8") != std::string::npos);
  CHECK(refusal(R"({"model": {"vocab": {}}, "added_tokens": [{"id": 0}]})").find("no content") !=
        std::string::npos);
}

}  // namespace shardwright
