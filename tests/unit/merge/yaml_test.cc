#include "merge/yaml.h"

#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "merge/yaml_scalar.h"

namespace shardwright {
namespace {

using Kind = YamlNode::Kind;

// The tree in one line: maps in braces, texts in quotes.
std::string shape(const YamlNode& node) {
  std::string out;
  switch (node.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kFlag:
      return node.number == 1 ? "true" : "false";
    case Kind::kWhole:
    case Kind::kNumber:
      return fmt::format("{}", node.number);
    case Kind::kText:
      return fmt::format("'{}'", node.text);
    case Kind::kOther:
      return fmt::format("?{}", node.text);
    case Kind::kList:
      for (const YamlNode* item : node.items)
        out += (out.empty() ? "" : ", ") + shape(*item);
      return fmt::format("[{}]", out);
    case Kind::kMap:
      for (const YamlPair& pair : node.pairs)
        out += (out.empty() ? "" : ", ") + shape(*pair.key) + ": " + shape(*pair.value);
      return fmt::format("{{{}}}", out);
  }
  return out;
}

std::string shape(std::string_view text) {
  Mark at;
  const auto file = parse_yaml(text, at);
  if (!file) return fmt::format("line {}, column {}: {}", at.line, at.column, file.error().message);
  std::string out;
  for (const YamlNode* root : file->documents)
    out += (out.empty() ? "" : " --- ") + shape(*root);
  return out;
}

struct YamlCase {
  std::string_view text;
  std::string_view expected;
};

}  // namespace

TEST_CASE("yaml: plain scalars mean what PyYAML takes them for") {
  constexpr std::array<YamlCase, 52> kCases = {{
      {"yes", "true"},
      {"On", "true"},
      {"FALSE", "false"},
      {"off", "false"},
      {"y", "'y'"},
      {"tRUE", "'tRUE'"},
      {"~", "null"},
      {"Null", "null"},
      {"0", "0"},
      {"12", "12"},
      {"-3", "-3"},
      {"+3", "3"},
      {"1_000", "1000"},
      {"1__0", "10"},
      {"_1", "'_1'"},
      {"010", "8"},
      {"08", "'08'"},
      {"0o7", "'0o7'"},
      {"0x1F", "31"},
      {"0X1F", "'0X1F'"},
      {"0b11", "3"},
      {"0b_", "?0b_"},
      {"1:30", "90"},
      {"1:60", "'1:60'"},
      {"1:30.5", "90.5"},
      {"0.5", "0.5"},
      {".5", "0.5"},
      {"-.5", "'-.5'"},
      {"5.", "5"},
      {"1e-5", "'1e-5'"},
      {"1.0e-5", "1e-05"},
      {"1.5e3", "'1.5e3'"},
      {"1.e+3", "1000"},
      {".e+3", "'.e+3'"},
      {".inf", "inf"},
      {"-.Inf", "-inf"},
      {".NaN", "nan"},
      {"nan", "'nan'"},
      {"inf", "'inf'"},
      {"1.0e+999", "inf"},
      {"1.0e-999", "0"},
      {"2024-01-02", "?2024-01-02"},
      {"2024-1-2", "'2024-1-2'"},
      {"=", "?="},
      {"'5'", "'5'"},
      {"\"yes\"", "'yes'"},
      {"!!str 5", "'5'"},
      {"!!float 5", "5"},
      {"!!float 1e5", "100000"},
      {"!!int '5'", "5"},
      {"a b", "'a b'"},
      {"1.2.3", "'1.2.3'"},
  }};
  for (const YamlCase& c : kCases) {
    CAPTURE(c.text);
    CHECK(shape(c.text) == c.expected);
  }
}

TEST_CASE("yaml: texts are numbers and flags as pydantic takes them") {
  CHECK(number_of_text("1e-5") == 1e-5);
  CHECK(number_of_text(" -.5 ") == -0.5);
  CHECK(number_of_text("+1_0") == 10);
  CHECK(std::isinf(number_of_text("-Infinity").value()));
  CHECK(std::isnan(number_of_text("nan").value()));
  for (const std::string_view text :
       {"", "_1", "1__0", "1_", "0x10", "nan(1)", "--1", "+-1", "1 0"}) {
    CAPTURE(text);
    CHECK(!number_of_text(text));
  }
  CHECK(flag_of_text("Yes") == true);
  CHECK(flag_of_text("F") == false);
  CHECK(!flag_of_text("truest"));
  CHECK(!flag_of_text("true "));
}

TEST_CASE("yaml: equal keys are kept, and merge keys are resolved") {
  CHECK(shape("a: 1\na: 2\n") == "{'a': 1, 'a': 2}");
  CHECK(shape("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\n") ==
        "{'x': {'a': 1, 'b': 2}, 'y': {'b': 3, 'a': 1}}");
  CHECK(shape("- &x {a: 1}\n- &y {a: 2, b: 2}\n- {<<: [*x, *y]}\n") ==
        "[{'a': 1}, {'a': 2, 'b': 2}, {'a': 1, 'b': 2}]");
  CHECK(shape("'<<': 1\n") == "{'<<': 1}");
}

TEST_CASE("yaml: several documents, each with its own anchors") {
  CHECK(shape("a: &x 1\nb: *x\n---\n[&x 2, *x]\n") == "{'a': 1, 'b': 1} --- [2, 2]");
  CHECK(shape("a: 1\n---\n") == "{'a': 1} --- null");
  CHECK(shape("").empty());
  CHECK(shape("# nothing\n").empty());
}

TEST_CASE("yaml: places count lines and characters from 1") {
  Mark fault;
  const auto file = parse_yaml("\xEF\xBB\xBFé: ü\r\nlist:\r\n  - éé: x\r\n", fault);
  REQUIRE(file);
  const YamlNode& root = *file->documents.at(0);
  CHECK(root.at == Mark{1, 1});
  CHECK(root.pairs.at(0).value->at == Mark{1, 4});
  const YamlNode& item = *root.pairs.at(1).value->items.at(0);
  CHECK(item.pairs.at(0).key->at == Mark{3, 5});
  CHECK(item.pairs.at(0).value->at == Mark{3, 9});
}

TEST_CASE("yaml: what is no YAML is refused with its place") {
  constexpr std::array<YamlCase, 10> kCases = {{
      {"a: [1, 2\n", "line 2, column 1: end of sequence flow not found"},
      {"a: b: c\n", "line 1, column 5: illegal map value"},
      {"a: *b\n", "line 1, column 4: the referenced anchor is not defined"},
      {"a: &x [*x]\n", "line 1, column 8: an alias stands inside of what it names"},
      {"a: &x 1\nb: &x 2\n", "line 2, column 4: the anchor 'x' is set twice"},
      {"a: !!python/none x\n",
       "line 1, column 4: the tag 'tag:yaml.org,2002:python/none' has no meaning here"},
      {"a: \x01\n", "line 1, column 4: the character '\\u{1}' may not stand in YAML"},
      {"a: \xff\n", "line 1, column 4: this is no UTF-8 text"},
      {"a: 1\rb: 2", "line 1, column 5: the character '\\u{d}' may not stand in YAML"},
      {"<<: 5\n", "line 1, column 5: '<<' takes a map or a list of maps"},
  }};
  for (const YamlCase& c : kCases) {
    CAPTURE(c.text);
    CHECK(shape(c.text) == c.expected);
  }
}

TEST_CASE("yaml: depth, size and the growth of aliases are bounded") {
  CHECK(shape(std::string(65, '[') + std::string(65, ']')) ==
        "line 1, column 65: nested more than 64 levels deep");
  CHECK(shape(std::string(kMaxYamlBytes + 1, ' ')) ==
        "line 1, column 1: 1048577 bytes are more than a recipe can have (1048576)");
  std::string laughs = "- &a0 x\n";
  for (int i = 1; i < 12; ++i) {
    laughs += fmt::format("- &a{} [", i);
    for (int j = 0; j < 9; ++j)
      laughs += fmt::format("*a{}, ", i - 1);
    laughs += "x]\n";
  }
  CHECK(shape(laughs).find("more than 200000 values, with aliases written out") !=
        std::string::npos);
}

}  // namespace shardwright
