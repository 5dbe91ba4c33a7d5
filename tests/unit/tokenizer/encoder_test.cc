#include "tokenizer/encoder.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace shardwright {
namespace {

using TokenList = std::vector<TokenId>;

constexpr std::string_view kSmallBpe =
    R"({"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "merges": ["a b", "ab c", "_ a"],
        "vocab": {"<unk>": 0, "a": 1, "b": 2, "c": 3, "ab": 4, "abc": 5, "_": 6, "_a": 7,
                  "<0xC3>": 8, "<0xA9>": 9}})";

struct FileParts {
  std::string model{kSmallBpe};
  std::string normalizer{"null"};
  std::string pre_tokenizer{"null"};
  std::string added{"[]"};
};

std::string file_of(const FileParts& parts) {
  return fmt::format(
      R"({{"version": "1.0", "added_tokens": {}, "normalizer": {}, "pre_tokenizer": {}, "model": {}}})",
      parts.added, parts.normalizer, parts.pre_tokenizer, parts.model);
}

Encoder encoder_of(const FileParts& parts) {
  auto read = read_encoder(file_of(parts));
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  return *std::move(read);
}

TokenList ids_of(const Encoder& encoder, std::string_view text) {
  const auto found = encode(encoder, text);
  REQUIRE_MESSAGE(found, (found ? "" : found.error().message));
  return *found;
}

std::string refused_file(const FileParts& parts) {
  const auto read = read_encoder(file_of(parts));
  REQUIRE(!read);
  return read.error().message;
}

std::string added_list(std::string_view content, std::string_view flags = "") {
  std::string entry = fmt::format(R"({{"id": 10, "content": "{}", )", content);
  for (const std::string_view flag : {"single_word", "lstrip", "rstrip", "normalized", "special"}) {
    entry += fmt::format(R"("{}": {}{})", flag, flags.find(flag) != std::string_view::npos,
                         flag == "special" ? "}" : ", ");
  }
  return "[" + entry + "]";
}

}  // namespace

TEST_CASE("encoder: a BPE joins by rank, and falls back on bytes") {
  const Encoder bpe = encoder_of({});
  CHECK(ids_of(bpe, "abcab") == TokenList{5, 4});
  CHECK(ids_of(bpe, "bca") == TokenList{2, 3, 1});
  CHECK(ids_of(bpe, "a\u00E9b") == TokenList{1, 8, 9, 2});
  CHECK(ids_of(bpe, "axyb") == TokenList{1, 0, 0, 2});
  CHECK(ids_of(bpe, "").empty());
}

TEST_CASE("encoder: settings of a BPE") {
  const auto bpe = [](std::string_view settings) {
    return fmt::format(R"({{"type": "BPE", {}, "unk_token": "<unk>", "merges": [["a", "##b"]],
        "vocab": {{"<unk>": 0, "a": 1, "##b": 2, "ab": 3, "b</w>": 4, "ba": 5, "b": 6}}}})",
                       settings);
  };
  CHECK(ids_of(encoder_of({.model = bpe(R"("continuing_subword_prefix": "##")")}), "abb") ==
        TokenList{3, 2});
  const std::string plain =
      R"({"type": "BPE", "merges": [], "vocab": {"a": 0, "b": 1, "b</w>": 2, "ab": 3, "?": 4})";
  CHECK(ids_of(encoder_of({.model = plain + R"(, "end_of_word_suffix": "</w>"})"}), "bb") ==
        TokenList{1, 2});
  CHECK(ids_of(encoder_of({.model = plain + R"(, "ignore_merges": true})"}), "ab") == TokenList{3});
  CHECK(ids_of(encoder_of({.model = plain + "}"}), "axb") == TokenList{0, 1});
  CHECK(ids_of(encoder_of({.model = plain + R"(, "unk_token": "?", "fuse_unk": true})"}), "axyb") ==
        TokenList{0, 4, 1});
  CHECK(refused_file({.model = plain + R"(, "dropout": 0.1})"}).find("'dropout'") !=
        std::string::npos);
  const Encoder absent = encoder_of({.model = plain + R"(, "unk_token": "<unk>"})"});
  const auto found = encode(absent, "x");
  REQUIRE(!found);
  CHECK(found.error().message.find("lacks the 'unk_token' '<unk>'") != std::string::npos);
}

TEST_CASE("encoder: a Unigram takes the best way, and joins what is unknown") {
  const std::string vocabulary =
      R"("vocab": [["<unk>", 0], ["a", -1], ["b", -2.5], ["ab", -3], ["c", -1e1], ["<0x7A>", -9]])";
  const Encoder unigram =
      encoder_of({.model = R"({"type": "Unigram", "unk_id": 0, )" + vocabulary + "}"});
  CHECK(ids_of(unigram, "abab") == TokenList{3, 3});
  CHECK(ids_of(unigram, "axyzb") == TokenList{1, 0, 2});
  const Encoder bytes = encoder_of(
      {.model = R"({"type": "Unigram", "unk_id": 0, "byte_fallback": true, )" + vocabulary + "}"});
  CHECK(ids_of(bytes, "azb") == TokenList{1, 5, 2});
  const Encoder strict =
      encoder_of({.model = R"({"type": "Unigram", "unk_id": null, )" + vocabulary + "}"});
  CHECK(!encode(strict, "x"));
  CHECK(refused_file({.model = R"({"type": "Unigram", "unk_id": 6, )" + vocabulary + "}"})
            .find("'unk_id' 6 is no token") != std::string::npos);
}

TEST_CASE("encoder: WordPiece and WordLevel") {
  const std::string vocabulary =
      R"("unk_token": "[UNK]", "vocab": {"[UNK]": 0, "un": 1, "##aff": 2, "##able": 3, "a": 4})";
  const Encoder pieces =
      encoder_of({.model = R"({"type": "WordPiece", "continuing_subword_prefix": "##",
      "max_input_chars_per_word": 9, )" +
                           vocabulary + "}",
                  .pre_tokenizer = R"({"type": "WhitespaceSplit"})"});
  CHECK(ids_of(pieces, "unaffable a") == TokenList{1, 2, 3, 4});
  CHECK(ids_of(pieces, "unaffx unaffablea") == TokenList{0, 0});
  const Encoder words = encoder_of({.model = R"({"type": "WordLevel", )" + vocabulary + "}",
                                    .pre_tokenizer = R"({"type": "Whitespace"})"});
  CHECK(ids_of(words, "un a, a") == TokenList{1, 4, 0, 4});
}

TEST_CASE("encoder: added tokens are found first") {
  const auto with = [](std::string_view flags) {
    return encoder_of({.normalizer = R"({"type": "Lowercase"})", .added = added_list("bc", flags)});
  };
  CHECK(ids_of(with(""), "abc") == TokenList{1, 10});
  CHECK(ids_of(with(""), "aBC") == TokenList{5});
  CHECK(ids_of(with("normalized"), "aBC") == TokenList{1, 10});
  CHECK(ids_of(with("single_word"), "abc bc") == TokenList{5, 0, 10});
  CHECK(ids_of(with("lstrip"), "a  bc") == TokenList{1, 10});
  CHECK(ids_of(with("rstrip"), "bc  a") == TokenList{10, 1});
}

TEST_CASE("encoder: what begins a text, and what does not") {
  const Encoder first = encoder_of(
      {.pre_tokenizer = R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"})",
       .added = added_list("<s>")});
  CHECK(ids_of(first, "a a") == TokenList{7, 7});
  CHECK(ids_of(first, "<s>a a") == TokenList{10, 1, 7});
  const Encoder stripped = encoder_of(
      {.normalizer = R"({"type": "Strip", "strip_left": true, "strip_right": true})",
       .pre_tokenizer = R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"})"});
  CHECK(ids_of(stripped, "a") == TokenList{7});
  CHECK(ids_of(stripped, " a ") == TokenList{1});
}

TEST_CASE("encoder: what is not read is named") {
  CHECK(refused_file(
            {.normalizer = R"({"type": "Sequence", "normalizers": [{"type": "Append"}]})"}) ==
        "the normalizer 'Append': this type is not read here");
  CHECK(refused_file({.pre_tokenizer = R"({"type": "UnicodeScripts"})"}) ==
        "the pre-tokenizer 'UnicodeScripts': this type is not read here");
  CHECK(refused_file({.model = R"({"type": "Other", "vocab": {}})"}) ==
        "the model 'Other': this type is not read here");
  CHECK(refused_file({.pre_tokenizer = R"({"type": "Split", "pattern": {"Regex": "\\X"},
                                     "behavior": "Isolated", "invert": false})"})
            .starts_with("the pre-tokenizer 'Split': the pattern '\\X' has '\\X'"));
  CHECK(refused_file({.normalizer = R"({"type": "Strip", "strip_left": 1})"}) ==
        "the normalizer 'Strip': 'strip_left' is a number, not true or false");
  const auto newer =
      read_encoder(R"({"version": "2.0", "model": {"type": "BPE", "vocab": {}, "merges": []}})");
  REQUIRE(!newer);
  CHECK(newer.error().message == "the part 'version' (\"2.0\") is not read here");
}

TEST_CASE("encoder: a text that is not UTF-8 is refused") {
  const auto found = encode(encoder_of({}), "ab\xFF");
  REQUIRE(!found);
  CHECK(found.error().code == ErrorCode::kInvalidArgument);
  CHECK(found.error().message == "the text is not UTF-8 at its byte 2");
}

TEST_CASE("encoder: a text that grows without end is refused") {
  std::string parts = R"({"type": "Prepend", "prepend": "a"})";
  for (int i = 0; i < 40; ++i)
    parts += R"(, {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"})";
  const Encoder growing =
      encoder_of({.normalizer = R"({"type": "Sequence", "normalizers": [)" + parts + "]}"});
  const auto found = encode(growing, "a");
  REQUIRE(!found);
  CHECK(found.error().message.find("grows beyond 8 MiB") != std::string::npos);
}

TEST_CASE("encoder: a long word takes no quadratic time") {
  std::string text;
  for (int i = 0; i < 100'000; ++i)
    text += "abcab";
  CHECK(ids_of(encoder_of({}), text).size() == 200'000);
}

TEST_CASE("encoder: what is no model of sentencepiece") {
  for (const std::string_view bytes : {"", "{}", "\x0A\xFF\xFF\xFF\xFF"})
    CHECK(!read_sentence_piece(bytes));
}

}  // namespace shardwright
