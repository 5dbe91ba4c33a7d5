#include "tokenizer/facts.h"

#include <string>

#include <doctest/doctest.h>

#include "tokenizer/piece_list.h"
#include "tokenizer/word_list.h"

namespace shardwright {
namespace {

TokenizerFacts facts_of(std::string_view text) {
  TokenizerFacts facts;
  add_tokenizer_json(text, facts);
  return facts;
}

std::string first_error(const TokenizerFacts& facts) {
  return facts.broken.empty() ? "" : facts.broken.front().error;
}

}  // namespace

TEST_CASE("tokenizer: a BPE vocabulary and its added tokens") {
  const auto facts = facts_of(R"({
    "version": "1.0", "truncation": null,
    "added_tokens": [{"id": 7, "content": "<s>", "special": true, "lstrip": false},
                     {"id": 9, "content": "<p\u00e4d>", "special": false}],
    "normalizer": {"type": "Sequence", "vocab": {"not": 100}, "normalizers": [{"id": 99}]},
    "model": {"type": "BPE", "dropout": null, "vocab": {"a": 0, "b\"": 5, "c": 2},
              "merges": [["a", "b"], "b c"]}})");
  CHECK(facts.broken.empty());
  CHECK(facts.model_type == "BPE");
  CHECK(facts.vocabulary == 3);
  REQUIRE(facts.vocabulary_top);
  CHECK(facts.vocabulary_top->id == 5);
  CHECK(facts.vocabulary_top->content == "b\"");
  CHECK(facts.added == 2);
  REQUIRE(facts.added_top);
  CHECK(facts.added_top->id == 9);
  CHECK(facts.added_top->content == "<päd>");
  REQUIRE(facts.top() != nullptr);
  CHECK(facts.top()->id == 9);
  CHECK(facts.top()->file == "tokenizer.json");
  REQUIRE(facts.added_tokens.size() == 2);
  CHECK(facts.added_tokens[0].special);
  CHECK(!facts.added_tokens[1].special);
  CHECK(facts.bad_ids == 0);
}

TEST_CASE("tokenizer: ids of a Unigram vocabulary are positions") {
  const auto facts = facts_of(
      R"({"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1.5], ["b", -2, [7]]]}})");
  CHECK(facts.model_type == "Unigram");
  CHECK(facts.vocabulary == 3);
  REQUIRE(facts.top() != nullptr);
  CHECK(facts.top()->id == 2);
  CHECK(facts.top()->content == "b");
  CHECK(facts.added == 0);
}

TEST_CASE("tokenizer: what is no JSON is told with its place") {
  CHECK(first_error(facts_of("{\n  \"model\": {\"vocab\": {\"a\": 1,}}}")) ==
        "line 2, column 29: a comma with nothing after it");
  CHECK(first_error(facts_of("")) != "");
  CHECK(first_error(facts_of("{\"a\": \"\xff\"}")) == "line 1, column 8: bytes that are not UTF-8");
  // All that was read before is kept.
  const auto facts = facts_of(R"({"model": {"vocab": {"a": 3)");
  CHECK(first_error(facts) == "line 1, column 28: the text ends too early");
  CHECK(facts.vocabulary_top->id == 3);
  for (const char* text :
       {R"({"model": {"vocab": [)", R"({"model": {"vocab": [["a", {)", R"({"model": {"vocab": [{)",
        R"({"added_tokens": [{"id": [)", R"({"added_tokens": [[)", R"([{"a":)",
        R"({"model": {"x": [)", R"({"x": {)", R"({"model": {"type": {)"}) {
    CHECK_MESSAGE(facts_of(text).broken.size() == 1, text);
  }
}

TEST_CASE("tokenizer: other forms are passed over") {
  for (const char* text : {"[]", "[[1], {}]", "3", "{}", R"({"model": 1, "added_tokens": {}})",
                           R"({"model": {"vocab": "a", "type": [1]}})"}) {
    const auto facts = facts_of(text);
    CHECK_MESSAGE(facts.broken.size() ==
                      (std::string_view(text).find("vocab") != std::string_view::npos ? 0 : 1),
                  text);
    CHECK_MESSAGE(facts.top() == nullptr, text);
  }
  CHECK(first_error(facts_of("[]")) == "it is a list, and has to be an object");
  CHECK(first_error(facts_of("{}")) == "it has no 'model' that is an object");
  const auto facts = facts_of(
      R"({"model": {"vocab": {"a": -1, "b": 1.5, "c": "x", "d": [1, 2], "e": 4, "f": 18446744073709551616}},
          "added_tokens": [{"content": "x"}, {"id": -3}, 5, [6], {"id": 1, "extra": {"id": 70}}]})");
  CHECK(facts.broken.size() == 1);
  CHECK(first_error(facts) == "the id of a token is no whole number");
  CHECK(facts.vocabulary == 6);
  CHECK(facts.bad_ids == 7);
  CHECK(facts.vocabulary_top->id == 4);
  CHECK(facts.added == 1);
  CHECK(facts.added_top->id == 1);
}

TEST_CASE("tokenizer: tokens of the other files") {
  TokenizerFacts facts;
  add_vocabulary_json(R"({"a": 0, "b": 10})", facts);
  const auto config = json::parse(
      R"({"added_tokens_decoder": {"11": {"content": "<x>", "special": true}, "y": {}, "3": 1}})");
  const auto added = json::parse(R"({"<pad>": 12, "<bad>": -1, "<list>": []})");
  REQUIRE((config && added));
  add_tokenizer_config(config->root, facts);
  CHECK(facts.top()->id == 11);
  CHECK(facts.top()->file == "tokenizer_config.json");
  add_added_tokens(added->root, facts);
  CHECK(facts.top()->id == 12);
  CHECK(facts.top()->content == "<pad>");
  CHECK(facts.top()->file == "added_tokens.json");
  CHECK(facts.vocabulary_top->file == "vocab.json");
  CHECK(facts.vocabulary == 2);
  CHECK(facts.added == 3);
  CHECK(facts.bad_ids == 3);
}

TEST_CASE("tokenizer: a list of words, a line each") {
  const auto list_of = [](std::string_view text) {
    TokenizerFacts facts;
    facts.named = {{.key = "pad_token", .content = "a"}, {.key = "sep_token", .content = "z"}};
    add_word_list(text, facts);
    return facts;
  };
  const auto facts = list_of("a\nb\r\n\na\nc\n\n\n");
  CHECK(facts.vocabulary == 5);
  CHECK(facts.vocabulary_top->id == 4);
  CHECK(facts.vocabulary_top->content == "c");
  CHECK(facts.vocabulary_top->file == "vocab.txt");
  CHECK(facts.named[0].id == 3);
  CHECK(!facts.named[1].id);
  CHECK(list_of("a\nb").vocabulary_top->id == 1);
  CHECK(!list_of("a 12\nb 3\n").vocabulary_top);
  CHECK(!list_of("").vocabulary_top);
  CHECK(!list_of("\n\n").vocabulary_top);
  CHECK(first_error(list_of("a\n\xff\n")) == "line 2, column 1: bytes that are not UTF-8");
}

TEST_CASE("tokenizer: the pieces of a model of sentencepiece") {
  const auto pieces_of = [](std::string_view bytes) {
    TokenizerFacts facts;
    facts.named = {{.key = "unk_token", .content = "a"}, {.key = "pad_token", .content = "z"}};
    add_piece_list("tokenizer.model", bytes, facts);
    return facts;
  };
  using namespace std::string_view_literals;
  // A piece with a score, one with a type, and the settings of the trainer.
  constexpr auto kModel =
      "\n\x08\n\x01"
      "a\x15\0\0\0\0\n\x05\n\x01"
      "b\x18\x06\x12\x02(\x01"sv;
  const auto facts = pieces_of(kModel);
  CHECK(facts.broken.empty());
  CHECK(facts.vocabulary == 2);
  CHECK(facts.vocabulary_top->id == 1);
  CHECK(facts.vocabulary_top->content == "b");
  CHECK(facts.vocabulary_top->file == "tokenizer.model");
  CHECK(facts.named[0].id == 0);
  CHECK(!facts.named[1].id);
  for (std::size_t size = 0; size < kModel.size(); ++size) {
    const auto cut = pieces_of(kModel.substr(0, size));
    const bool whole = size == 0 || size == 10 || size == 17;
    INFO(size);
    CHECK(cut.broken.empty() == (whole || size < 10));
    CHECK(cut.vocabulary == (whole && size > 0 ? size / 8 : 0));
  }
  CHECK(first_error(pieces_of(kModel.substr(0, 12))) == "it is cut off or damaged behind 1 pieces");
  // Of tiktoken; no text; a piece without one.
  CHECK(pieces_of("IQ== 0\nIg== 1\n").broken.empty());
  CHECK(!pieces_of("\n\x03\n\x01\xff"sv).vocabulary_top);
  CHECK(!pieces_of("\n\x02\x18\x06"sv).vocabulary_top);
}

TEST_CASE("tokenizer: whose vocab.txt is a list of words") {
  const auto is_list = [](std::string_view tokenizer_config, std::string_view config) {
    const auto first = json::parse(tokenizer_config);
    const auto second = json::parse(config);
    REQUIRE((first && second));
    return has_word_list(&first->root, &second->root);
  };
  CHECK(is_list("{}", R"({"model_type": "bert"})"));
  CHECK(is_list(R"({"tokenizer_class": "BertTokenizer"})", R"({"model_type": "llama"})"));
  CHECK(!is_list("{}", R"({"model_type": "roberta"})"));
  CHECK(!is_list(R"({"tokenizer_class": "PhobertTokenizer"})", R"({"model_type": "bert"})"));
  CHECK(!is_list("[]", R"({"model_type": 5})"));
  CHECK(!has_word_list(nullptr, nullptr));
}

TEST_CASE("tokenizer: the tokens that a config names are looked up") {
  const auto config = json::parse(
      R"({"bos_token": "<s>", "eos_token": {"content": "</s>"}, "pad_token": "</s>", "unk_token": null,
          "cls_token": "é", "sep_token": "<sep>", "mask_token": "", "add_bos_token": true})");
  REQUIRE(config);
  for (const char* vocabulary :
       {R"({"<s>": 3, "é": 4})", R"([["a", 0], ["b", 0], ["c", 0], ["<s>", 0], ["é", 0]])"}) {
    CAPTURE(vocabulary);
    TokenizerFacts facts;
    add_named_tokens(config->root, facts);
    add_tokenizer_json(std::string(R"({"model": {"vocab": )") + vocabulary +
                           R"(}, "added_tokens": [{"id": 7, "content": "</s>"}]})",
                       facts);
    REQUIRE(facts.named.size() == 4);
    CHECK(facts.named[0].key == "bos_token");
    CHECK(facts.named[0].id == 3);
    CHECK(facts.named[1].key == "eos_token");
    CHECK(facts.named[1].id == 7);
    CHECK(facts.named[2].id == 4);
    CHECK(facts.named[3].content == "<sep>");
    CHECK_FALSE(facts.named[3].id);
  }
}

TEST_CASE("tokenizer: of very many added tokens the first are kept") {
  std::string text = R"({"added_tokens": [)";
  for (int i = 0; i < 5000; ++i)
    text += (i == 0 ? "" : ",") + (R"({"content": "t", "id": )" + std::to_string(i) + "}");
  text += "]}";
  const auto facts = facts_of(text);
  CHECK(facts.added == 5000);
  CHECK(facts.added_tokens.size() == TokenizerFacts::kMaxAddedTokens);
  CHECK(facts.added_top->id == 4999);
}

}  // namespace shardwright
