#include "merge/token_rows.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "checkpoint/checkpoint.h"
#include "merge/kernels.h"
#include "merge/row_source.h"
#include "support/fixture.h"

namespace shardwright {
namespace {

using RowKind = TokenRow::Kind;

Vocabulary tokens(std::string_view vocab) {
  auto vocabulary = parse_vocabulary(R"({"model": {"vocab": )" + std::string(vocab) + "}}");
  REQUIRE(vocabulary);
  return *std::move(vocabulary);
}

ModelRef model(const std::string& path) {
  return {.text = path, .path = path};
}

// Three models: the base knows a and b, the second b and c, the third a, c and d.
struct Family {
  std::vector<Vocabulary> vocabularies = {tokens(R"({"a": 0, "b": 1})"),
                                          tokens(R"({"c": 0, "b": 1})"),
                                          tokens(R"({"d": 0, "c": 1, "a": 2})")};
  std::vector<ModelRef> models = {model("base"), model("second"), model("third")};
  std::vector<TokenInput> inputs{};
  std::vector<Mistake> mistakes{};
  bool keep_padding{};

  Family() {
    for (std::size_t i = 0; i < models.size(); ++i) {
      inputs.push_back({.model = &models[i],
                        .vocabulary = &vocabularies[i],
                        .rows = vocabularies[i].end(),
                        .merged = true});
    }
  }

  TokenRows rows(std::string_view result, std::uint64_t count, const TokenizerRecipe& recipe = {}) {
    return rows_of_tokens(tokens(result), count, inputs, 0, keep_padding, recipe, mistakes);
  }
};

RowPlace at(std::uint32_t input, std::uint64_t row) {
  return {.model = input, .row = row};
}

constexpr std::string_view kAllTokens = R"({"a": 0, "b": 1, "c": 2, "d": 3})";

}  // namespace

TEST_CASE("token rows: padding that is kept is an input's own, where it has a row and no token") {
  Family family;
  family.keep_padding = true;
  family.inputs[0].rows = 6;  // tokens 0 and 1
  family.inputs[2].rows = 5;  // tokens 0 to 2
  const TokenRows rows = family.rows(R"({"a": 0, "b": 1})", 5);
  for (const std::uint64_t row : {2U, 3U, 4U}) {
    CHECK(rows.inputs[0][row].kind == RowKind::kRow);
    CHECK(rows.inputs[0][row].place == at(0, row));
    CHECK(rows.inputs[1][row].kind == RowKind::kPadding);  // it has two rows
  }
  CHECK(rows.inputs[2][2].kind == RowKind::kPadding);  // a token's in that model
  CHECK(rows.inputs[2][3].place == at(2, 3));
}

TEST_CASE("token rows: own rows first, then the only one, the base's, or the mean") {
  Family family;
  const TokenRows rows = family.rows(kAllTokens, 6);
  CHECK(family.mistakes.empty());
  // a: known to the base and the third.
  CHECK(rows.inputs[0][0].place == at(0, 0));
  CHECK(rows.inputs[1][0].place == at(0, 0));
  CHECK(rows.inputs[2][0].place == at(2, 2));
  // c: not known to the base, known to two.
  CHECK(rows.inputs[0][2].kind == RowKind::kMean);
  CHECK(rows.means[rows.inputs[0][2].place.row] == std::vector{at(1, 0), at(2, 1)});
  CHECK(rows.inputs[1][2].place == at(1, 0));
  // d: known to one.
  for (const auto& input : rows.inputs)
    CHECK(input[3].place == at(2, 0));
  // Behind the last token.
  CHECK(rows.inputs[0][4].kind == RowKind::kPadding);
  CHECK(rows.inputs[2][5].kind == RowKind::kPadding);
  CHECK(!is_as_stored(rows.inputs[0], 0, 2));
  CHECK(is_as_stored(family.rows(R"({"a": 0, "b": 1})", 2).inputs[0], 0, 2));
}

TEST_CASE("token rows: a token without a row is not known") {
  Family family;
  family.inputs[2].rows = 2;  // its a has no row
  const TokenRows rows = family.rows(kAllTokens, 4);
  for (const auto& input : rows.inputs)
    CHECK(input[0].place == at(0, 0));
  CHECK(family.rows(R"({"x": 0})", 1).unknown == std::vector<std::string>{"x"});
  CHECK(family.rows(R"({"x": 0})", 1).inputs[1][0].kind == RowKind::kZero);
}

TEST_CASE("token rows: what the recipe says of a token") {
  Family family;
  TokenizerRecipe recipe;
  recipe.tokens = {
      {.token = "a", .kind = TokenRule::Kind::kZero, .force = true},
      {.token = "b", .kind = TokenRule::Kind::kModel, .model = model("second")},
      {.token = "c",
       .kind = TokenRule::Kind::kModelToken,
       .model = model("third"),
       .source_token = "d"},
      {.token = "d", .kind = TokenRule::Kind::kModelToken, .model = model("base"), .source_id = 1},
  };
  const TokenRows rows = family.rows(kAllTokens, 4, recipe);
  CHECK(family.mistakes.empty());
  for (const auto& input : rows.inputs)
    CHECK(input[0].kind == RowKind::kZero);
  CHECK(rows.inputs[0][1].place == at(0, 1));  // its own
  CHECK(rows.inputs[2][1].place == at(1, 1));
  CHECK(rows.inputs[0][2].place == at(2, 0));
  CHECK(rows.inputs[1][3].place == at(0, 1));
}

TEST_CASE("token rows: a model that is not merged gives what rules take of it") {
  Family family;
  family.inputs[2].merged = false;
  TokenizerRecipe recipe;
  recipe.tokens = {{.token = "d", .kind = TokenRule::Kind::kModel, .model = model("third")}};
  const TokenRows rows = family.rows(kAllTokens, 4, recipe);
  CHECK(rows.inputs[2].empty());
  CHECK(rows.inputs[0][2].place == at(1, 0));  // c: the third does not count
  CHECK(rows.inputs[1][3].place == at(2, 0));
}

TEST_CASE("token rows: all rows that are not there are told") {
  Family family;
  TokenizerRecipe recipe;
  recipe.tokens = {
      {.token = "d", .kind = TokenRule::Kind::kModel, .model = model("base"), .at = {1, 1}},
      {.token = "a",
       .kind = TokenRule::Kind::kModelToken,
       .model = model("second"),
       .source_id = 2,
       .force = true,
       .at = {2, 1}},
      {.token = "x", .kind = TokenRule::Kind::kDefault, .at = {3, 1}},
  };
  family.rows(R"({"a": 0, "d": 1, "x": 2})", 3, recipe);
  REQUIRE(family.mistakes.size() == 3);
  CHECK(family.mistakes[0].message == "'second' has no row 2: it has 2");
  CHECK(family.mistakes[1].message == "'base' has no row for the token 'd'");
  CHECK(family.mistakes[2].message.find("no model has a row for the token 'x'") == 0);
}

TEST_CASE("row source: rows of others, means, zeros and padding, at any place") {
  auto opened =
      open_checkpoint(test::memory_fixture(R"({"files": {"model.safetensors": {"tensors": {
      "one": {"dtype": "F32", "shape": [3, 2], "fill": "iota"},
      "two": {"dtype": "BF16", "shape": [4, 2], "fill": "iota"}}}}})"));
  REQUIRE(opened);
  const Tensor one = *opened->find("one");  // 0 1, 2 3, 4 5
  const Tensor two = *opened->find("two");  // 0 1, 2 3, 4 5, 6 7
  auto rows = std::make_shared<TokenRows>();
  rows->inputs = {{{.place = at(0, 1)},
                   {.place = at(1, 2)},
                   {.place = at(1, 3)},
                   {.kind = RowKind::kMean, .place = {.row = 0}},
                   {.kind = RowKind::kZero},
                   {.kind = RowKind::kPadding}}};
  rows->means = {{at(0, 0), at(1, 3)}};
  const RowSource source({.matrices = {one, two}, .tokens = rows, .input = 0}, one);
  const Tensor made = source.tensor();
  CHECK(made.name == "one");
  CHECK(std::vector(made.shape.begin(), made.shape.end()) == Shape{6, 2});
  CHECK(made.dtype == DType::kF32);
  CHECK(made.bytes == 48);
  // Padding: the mean of the five rows before it.
  const std::vector<float> expected = {2, 3, 4, 5, 6, 7, 3, 4, 0, 0, 3, 3.8F};
  std::vector<float> values(12);
  REQUIRE(made.read(0, std::as_writable_bytes(std::span(values))));
  CHECK(values == expected);
  // Any range of bytes is the same.
  const auto whole = std::as_bytes(std::span(expected));
  for (std::size_t begin = 0; begin <= whole.size(); ++begin) {
    for (std::size_t end = begin; end <= whole.size(); end += 5) {
      std::vector<std::byte> part(end - begin);
      REQUIRE(made.read(begin, part));
      CHECK(std::ranges::equal(part, whole.subspan(begin, end - begin)));
    }
  }
  std::vector<std::byte> beyond(2);
  CHECK(!made.read(47, beyond));
}

TEST_CASE("row source: rows of one dtype alone keep it, byte for byte") {
  auto opened =
      open_checkpoint(test::memory_fixture(R"({"files": {"model.safetensors": {"tensors": {
      "two": {"dtype": "BF16", "shape": [4, 2], "fill": "iota"}}}}})"));
  REQUIRE(opened);
  const Tensor two = *opened->find("two");
  auto rows = std::make_shared<TokenRows>();
  rows->inputs = {{{.place = at(0, 3)}, {.kind = RowKind::kZero}, {.place = at(0, 0)}}};
  const RowSource source({.matrices = {two}, .tokens = rows, .input = 0}, two);
  const Tensor made = source.tensor();
  CHECK(made.dtype == DType::kBF16);
  std::vector<std::byte> bytes(made.bytes);
  REQUIRE(made.read(0, bytes));
  std::vector<float> values(6);
  kernel::decode(DType::kBF16, bytes, values.data());
  CHECK(values == std::vector<float>{6, 7, 0, 0, 0, 1});
}

}  // namespace shardwright
