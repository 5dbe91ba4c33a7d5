#include "arch/expr.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace shardwright {
namespace {

const std::vector<std::string> kNames = {"hidden", "heads", "experts", "types", "pattern",
                                         "none",   "on",    "huge",    "lost"};
const std::vector<std::string> kLabels = {
    "hidden_size", "num_attention_heads", "num_experts", "layer_types",
    "pattern",     "q_lora_rank",         "flag",        "huge",
    "lost"};

std::string text_of(const ExprValue& value) {
  switch (value.kind) {
    case ExprKind::kInt:
      return std::to_string(value.integer);
    case ExprKind::kBool:
      return value.boolean ? "true" : "false";
    case ExprKind::kText:
      return fmt::format("'{}'", value.text);
    case ExprKind::kList: {
      std::string text = "[";
      for (const ExprValue& element : value.list)
        text += (text.size() > 1 ? ", " : "") + text_of(element);
      return text + "]";
    }
    default:
      return std::string(kind_name(value.kind));
  }
}

// The value as text, or "error: ..." of compiling, or "no value: ...".
std::string evaluated(const std::string& source) {
  const std::array<ExprValue, 2> types = {ExprValue::of(std::string_view("mamba")),
                                          ExprValue::of(std::string_view("attention"))};
  const std::vector<ExprValue> slots = {ExprValue::of(std::int64_t{4096}),
                                        ExprValue::of(std::int64_t{30}),
                                        ExprValue::of(std::int64_t{8}),
                                        ExprValue::of(std::span<const ExprValue>(types)),
                                        ExprValue::of(std::string_view("M*-M")),
                                        ExprValue::null(),
                                        ExprValue::of(true),
                                        ExprValue::of(INT64_MAX),
                                        ExprValue{}};
  const auto expr = compile_expr(source, kNames);
  if (!expr) return "error: " + expr.error().message;
  ExprEvaluator evaluator(slots, kLabels);
  ExprValue value;
  if (!evaluator.evaluate(*expr, value)) return "no value: " + evaluator.error().message;
  return text_of(value);
}

struct Row {
  const char* source;
  const char* value;
};

}  // namespace

TEST_CASE("arch: expressions have the values of the page on rules") {
  constexpr std::array kRows = {
      Row{"1 + 2 * 3", "7"},
      Row{"(1 + 2) * 3", "9"},
      Row{"10 - 3 - 2", "5"},
      Row{"-hidden + 1", "-4095"},
      Row{"hidden / experts", "512"},
      Row{"hidden // heads", "136"},
      Row{"-7 // 2", "-4"},
      Row{"7 // -2", "-4"},
      Row{"-7 % 3", "2"},
      Row{"7 % -3", "-2"},
      Row{"ceil(hidden / heads)", "137"},
      Row{"ceil(-7 / 2)", "-3"},
      Row{"ceil(8 / 4)", "2"},
      Row{"min(4, 2, 3)", "2"},
      Row{"max(heads, experts)", "30"},
      Row{"1 < 2 and 2 <= 2 and 3 > 2 and 3 >= 3", "true"},
      Row{"1 == 1 and 'a' != 'b'", "true"},
      Row{"1 == '1'", "false"},
      Row{"null == null", "true"},
      Row{"not true or false", "false"},
      Row{"not 1 == 2", "true"},
      Row{"none is null and hidden is not null", "true"},
      Row{"none", "null"},
      Row{"none and on", "false"},
      Row{"experts if on else none + 1", "8"},
      Row{"none is not null and none > 3", "false"},
      Row{"1 if none else 2 if on else 3", "2"},
      Row{"types[1]", "'attention'"},
      Row{"pattern[1] == '*'", "true"},
      Row{"pattern[3]", "'M'"},
      Row{"'mamba' in types", "true"},
      Row{"'conv' not in types", "true"},
      Row{"'*-' in pattern", "true"},
      Row{"3 in [1, 2, 3]", "true"},
      Row{"[1, 'a', [null]]", "[1, 'a', [null]]"},
      Row{"[1, 2] == [1, 2]", "true"},
      Row{"[]", "[]"},
      Row{"len(types) + len(pattern)", "6"},
      Row{"replace(types, 'mamba', 'linear', 'attention', 'full')", "['linear', 'full']"},
      Row{"replace(pattern, 'M', 'xx')", "'xx*-xx'"},
      Row{"replace(none, 'a', 'b')", "null"},
      Row{"9223372036854775807", "9223372036854775807"},
  };
  for (const Row& row : kRows) {
    INFO(std::string(row.source));
    CHECK(evaluated(row.source) == std::string(row.value));
  }
}

TEST_CASE("arch: an expression without a value says why, in the config's words") {
  constexpr std::array kRows = {
      Row{"hidden / heads",
          "no value: hidden_size / num_attention_heads is no whole number: 4096 / 30"},
      Row{"2 * (hidden / heads)",
          "no value: (hidden_size / num_attention_heads) is no whole number: 4096 / 30"},
      Row{"hidden // (experts - 8)", "no value: hidden_size // (num_experts - 8) divides by zero"},
      Row{"hidden % 0", "no value: hidden_size % 0 divides by zero"},
      Row{"huge + 1", "no value: huge + 1 is too large"},
      Row{"-huge - 2", "no value: -huge - 2 is too large"},
      Row{"(-huge - 1) // -1", "no value: (-huge - 1) // -1 is too large"},
      Row{"huge * huge", "no value: huge * huge is too large"},
      Row{"none + 1", "no value: q_lora_rank is null, expected a whole number"},
      Row{"types + 1", "no value: layer_types is a list, expected a whole number"},
      Row{"1 and on", "no value: 1 is a whole number, expected true or false"},
      Row{"types[2]",
          "no value: layer_types has 2 elements, and element 2 is needed (counted from 0)"},
      Row{"types[-1]",
          "no value: layer_types has 2 elements, and element -1 is needed (counted from 0)"},
      Row{"none[0]", "no value: q_lora_rank is null, expected a list"},
      Row{"1 in hidden", "no value: hidden_size is a whole number, expected a list"},
      Row{"len(hidden)", "no value: hidden_size is a whole number, expected a list or a text"},
      Row{"replace(pattern, 'M', 1)", "no value: 'replace' in a text needs texts, not 'M' and 1"},
      Row{"'a' < 'b'", "no value: 'a' is a text, expected a whole number"},
      Row{"lost + 1", "no value: "},
  };
  for (const Row& row : kRows) {
    INFO(std::string(row.source));
    CHECK(evaluated(row.source) == std::string(row.value));
  }
}

TEST_CASE("arch: what is no expression is told with its place") {
  constexpr std::array kRows = {
      Row{"", "error: expected a value at letter 1 of ''"},
      Row{"1 +", "error: expected a value at letter 4 of '1 +'"},
      Row{"hiden * 2",
          "error: 'hiden' is not defined (nearest: 'hidden'), at letter 1 of 'hiden * 2'"},
      Row{"1 < 2 < 3", "error: two comparisons in a row: write 'and' at letter 7 of '1 < 2 < 3'"},
      Row{"ceil(3)", "error: 'ceil' takes a division: ceil(a / b) at letter 1 of 'ceil(3)'"},
      Row{"len(1, 2)", "error: 'len' takes 1 value, not 2 at letter 1 of 'len(1, 2)'"},
      Row{"min(1)", "error: 'min' takes 2 values or more, not 1 at letter 1 of 'min(1)'"},
      Row{"replace(types, 'a', 'b', 'c')",
          "error: 'replace' takes pairs of old and new at letter 1 of "
          "'replace(types, 'a', 'b', 'c')'"},
      Row{"'abc", "error: a text without its closing quote at letter 1 of ''abc'"},
      Row{"1 = 2", "error: unexpected '=' at letter 3 of '1 = 2'"},
      Row{"1 2", "error: unexpected '2' at letter 3 of '1 2'"},
      Row{"(1", "error: expected ')' at letter 3 of '(1'"},
      Row{"not", "error: expected a value at letter 4 of 'not'"},
      Row{"1 + else", "error: expected a value, not 'else' at letter 5 of '1 + else'"},
      Row{"99999999999999999999",
          "error: a number that is too large at letter 1 of '99999999999999999999'"},
  };
  for (const Row& row : kRows) {
    INFO(std::string(row.source));
    CHECK(evaluated(row.source) == std::string(row.value));
  }
}

TEST_CASE("arch: expressions are bounded in depth, length and work") {
  CHECK(evaluated(std::string(300, '(').append("1")).starts_with("error: too deeply nested"));
  CHECK(evaluated(std::string(300, '-').append("1")).starts_with("error: too deeply nested"));
  std::string sum = "1";
  for (int i = 0; i < 100; ++i)
    sum += " + 1";
  CHECK(evaluated(sum).starts_with("error: too deeply nested"));
  CHECK(evaluated(std::string(5000, ' ')) == "error: an expression is longer than 4000 letters");
  std::string grown = "pattern";  // two letters become two hundred million
  for (int i = 0; i < 8; ++i)
    grown = fmt::format("replace({}, 'M', 'MMMMMMMMMM')", grown);
  CHECK(evaluated(grown).starts_with("no value: the rule asks for too much"));
}

}  // namespace shardwright
