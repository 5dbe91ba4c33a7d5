// Every way in which a header can be wrong, with what the reader says of it.
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "safetensors/header.h"

namespace shardwright::safetensors {
namespace {

struct Expected {
  DefectKind kind;
  std::string tensor{};
  std::string other{};
  std::uint64_t found{};
  std::uint64_t expected{};
  std::string detail{};
};

// One header of a file with `data` bytes behind it.
struct DefectRow {
  std::string what;
  std::string text;
  std::uint64_t data;
  std::vector<Expected> defects;
  std::vector<std::string> readable{};  // names, in order
};

std::string entry(std::string_view dtype, std::string_view shape, std::string_view range) {
  return "{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":" + std::string(shape) +
         ",\"data_offsets\":" + std::string(range) + "}";
}

// {"a": ...} padded so that the data is aligned.
std::string padded(std::string text) {
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

std::string one(std::string_view dtype, std::string_view shape, std::string_view range) {
  return padded("{\"a\":" + entry(dtype, shape, range) + "}");
}

std::string two(const std::string& a, const std::string& b) {
  return padded("{\"a\":" + a + ",\"b\":" + b + "}");
}

const std::string kGood = entry("F32", "[1]", "[0,4]");

std::string with_key(std::string_view member) {
  return padded("{\"a\":{" + std::string(member) +
                ",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}");
}

std::string with_metadata(std::string_view value) {
  return padded("{\"__metadata__\":" + std::string(value) + ",\"a\":" + kGood + "}");
}

std::vector<DefectRow> table() {
  using enum DefectKind;
  const std::string name = "a";
  std::vector<DefectRow> rows = {
      {"no tensors", padded("{}"), 0, {}},
      {"a sound tensor", one("F32", "[1]", "[0,4]"), 4, {}, {"a"}},
      {"a scalar", one("I64", "[]", "[0,8]"), 8, {}, {"a"}},
      {"an empty tensor", one("F32", "[0,7]", "[0,0]"), 0, {}, {"a"}},
      {"escapes in names and values",
       padded(R"({"\u0061":{"dtyp\u0065":"F\u00332","shape":[1],"data_offsets":[0,4]}})"),
       4,
       {},
       {"a"}},
      {"metadata", with_metadata(R"({"format":"pt"})"), 4, {}, {"a"}},
      {"no metadata in words", with_metadata("null"), 4, {}, {"a"}},
      {"tensors in no order",
       two(entry("F32", "[1]", "[4,8]"), entry("F32", "[1]", "[0,4]")),
       8,
       {},
       {"a", "b"}},
      {"empty tensors share offsets at the seams",
       padded("{\"a\":" + entry("F32", "[1]", "[0,4]") + ",\"b\":" + entry("F32", "[0]", "[4,4]") +
              ",\"c\":" + entry("F32", "[0]", "[0,0]") + "}"),
       4,
       {},
       {"a", "b", "c"}},
      {"a zero before what would overflow",
       one("F32", "[0,9223372036854775808,4]", "[0,0]"),
       0,
       {},
       {"a"}},

      {"nothing", "", 8, {{kLengthZero}}},
      {"not UTF-8", "{\"\xFF\":1}", 0, {{kNotUtf8, "", "", 2}}},
      {"an end in the middle",
       "{\"a\":{\"dtype\"",
       0,
       {{kNotJson, "", "", 13, 0, "the text ends too early at byte 13"}}},
      {"one entry before the break",
       "{\"a\":" + kGood + ",}",
       4,
       {{kNotJson, "", "", 53, 0, "a comma with nothing after it at byte 53"},
        {kMisaligned, "a", "", 63, 4}},
       {"a"}},
      {"NaN",
       with_key("\"x\":NaN"),
       4,
       {{kUnknownKey, "a", "x"}, {kNotJson, "", "", 10, 0, "expected a value at byte 10"}}},
      {"a lone surrogate",
       "{\"\\ud800\":1}",
       0,
       {{kNotJson, "", "", 2, 0, "half of a surrogate pair at byte 2"}}},
      {"a number beyond every double",
       with_key("\"x\":1e400"),
       4,
       {{kUnknownKey, "a", "x"},
        {kNotJson, "", "", 10, 0, "a number beyond the range of a double at byte 10"}}},
      {"a list", "[]", 0, {{kNotObject, "", "", 0, 0, "a list"}}},
      {"a number", "12", 0, {{kNotObject, "", "", 0, 0, "a number"}}},
      {"a string", "\"a\"", 0, {{kNotObject, "", "", 0, 0, "a string"}}},
      {"null", "null", 0, {{kNotObject, "", "", 0, 0, "null"}}},
      {"true", "true", 0, {{kNotObject, "", "", 0, 0, "true"}}},
      {"as deep as can be",
       with_key("\"x\":" + std::string(125, '[') + std::string(125, ']')),
       4,
       {{kUnknownKey, "a", "x"}},
       {"a"}},
      {"deeper",
       with_key("\"x\":" + std::string(126, '[') + std::string(126, ']')),
       4,
       {{kUnknownKey, "a", "x"},
        {kTooDeep, "", "", 135, 0, "objects and arrays are nested too deep at byte 135"}}},

      {"a name twice",
       padded("{\"a\":" + entry("I8", "[9]", "[7,16]") + ",\"a\":" + kGood + "}"),
       4,
       {{kDuplicateTensor, "a"}},
       {"a"}},
      {"a name twice, and no entry the first time",
       padded("{\"a\":1,\"a\":" + kGood + "}"),
       4,
       {{kEntryMalformed, "a", "", 0, 0, "a number"}, {kDuplicateTensor, "a"}},
       {"a"}},
      {"a name twice, and no entry the second time",
       padded("{\"a\":" + kGood + ",\"a\":1}"),
       4,
       {{kEntryMalformed, "a", "", 0, 0, "a number"}, {kDuplicateTensor, "a"}}},
      {"a name twice leaves the bytes of the first without owner",
       padded("{\"a\":" + kGood + ",\"\\u0061\":" + entry("F32", "[1]", "[4,8]") + "}"),
       8,
       {{kDuplicateTensor, "a"}, {kGap, "a", "", 4, 0}},
       {"a"}},
      {"a key twice", with_key("\"shape\":[2]"), 4, {{kDuplicateKey, "a", "shape"}}, {"a"}},
      {"metadata twice",
       padded(R"({"__metadata__":{},"__metadata__":null})"),
       0,
       {{kDuplicateKey, "", "__metadata__"}}},
      {"a metadata key twice",
       with_metadata(R"({"k":"1","k":"2"})"),
       4,
       {{kDuplicateMetadata, "", "k"}},
       {"a"}},
      {"unknown keys",
       with_key("\"x\":[{\"y\":1}],\"x\":\"\"\n"),
       4,
       {{kUnknownKey, "a", "x"}, {kUnknownKey, "a", "x"}},
       {"a"}},
      {"an entry as a list", padded(R"({"a":["F32",[1],[0,4]]})"), 4, {{kUnusualForm, "a"}}, {"a"}},
      {"a dtype as an object",
       padded(R"({"a":{"dtype":{"F32":null},"shape":[1],"data_offsets":[0,4]}})"),
       4,
       {{kUnusualForm, "a"}},
       {"a"}},
      {"an empty name", padded("{\"\":" + kGood + "}"), 4, {{kUnusualName, ""}}, {""}},
      {"NUL in a name",
       padded("{\"a\\u0000\":" + kGood + "}"),
       4,
       {{kUnusualName, std::string("a\0", 2)}},
       {std::string("a\0", 2)}},
      {"DEL in a name",
       padded("{\"a\x7F\":" + kGood + "}"),
       4,
       {{kUnusualName, "a\x7F"}},
       {"a\x7F"}},

      {"an entry that is a number",
       padded("{\"a\":5}"),
       0,
       {{kEntryMalformed, name, "", 0, 0, "a number"}}},
      {"an entry that is null",
       padded("{\"a\":null}"),
       0,
       {{kEntryMalformed, name, "", 0, 0, "null"}}},
      {"an entry that is false",
       padded("{\"a\":false}"),
       0,
       {{kEntryMalformed, name, "", 0, 0, "false"}}},
      {"an entry that is empty",
       padded("{\"a\":{}}"),
       0,
       {{kEntryMalformed, name, "dtype", 0, 0, "absent"},
        {kEntryMalformed, name, "shape", 0, 0, "absent"},
        {kEntryMalformed, name, "data_offsets", 0, 0, "absent"}}},
      {"a list of two",
       padded(R"({"a":["F32",[1]]})"),
       0,
       {{kEntryMalformed, name, "", 0, 0, "a list of 2 values"}}},
      {"a list of four",
       padded(R"({"a":["F32",[1],[0,4],{}]})"),
       0,
       {{kEntryMalformed, name, "", 0, 0, "a list of 4 values"}}},
      {"a dtype that is a number",
       padded(R"({"a":{"dtype":5,"shape":[1],"data_offsets":[0,4]}})"),
       4,
       {{kEntryMalformed, name, "dtype", 0, 0, "a number"}}},
      {"a dtype that is a list",
       padded(R"({"a":{"dtype":["F32"],"shape":[1],"data_offsets":[0,4]}})"),
       4,
       {{kEntryMalformed, name, "dtype", 0, 0, "a list"}}},
      {"a dtype as an object with a value",
       padded(R"({"a":{"dtype":{"F32":{}},"shape":[1],"data_offsets":[0,4]}})"),
       4,
       {{kEntryMalformed, name, "dtype", 0, 0, "an object"}}},
      {"a dtype as an object of two",
       padded(R"({"a":{"dtype":{"F32":null,"I8":null},"shape":[1],"data_offsets":[0,4]}})"),
       4,
       {{kEntryMalformed, name, "dtype", 0, 0, "an object"}}},
      {"a shape that is null",
       one("F32", "null", "[0,4]"),
       4,
       {{kEntryMalformed, name, "shape", 0, 0, "null"}}},
      {"a shape that is an object",
       one("F32", "{\"0\":[1]}", "[0,4]"),
       4,
       {{kEntryMalformed, name, "shape", 0, 0, "an object"}}},
      {"an extent that is a list",
       one("F32", "[[1],[2]]", "[0,4]"),
       4,
       {{kEntryMalformed, name, "shape", 0, 0, "holds a list"}}},
      {"an extent that is a string",
       one("F32", "[\"1\"]", "[0,4]"),
       4,
       {{kEntryMalformed, name, "shape", 0, 0, "holds a string"}}},
      {"one number as the range",
       one("F32", "[1]", "[4]"),
       4,
       {{kEntryMalformed, name, "data_offsets", 0, 0, "1 numbers"}}},
      {"three numbers as the range",
       one("F32", "[1]", "[0,4,4]"),
       4,
       {{kEntryMalformed, name, "data_offsets", 0, 0, "3 numbers"}}},
      {"a range that is a string",
       one("F32", "[1]", "\"0,4\""),
       4,
       {{kEntryMalformed, name, "data_offsets", 0, 0, "a string"}}},
      {"an unread entry hides gaps and trailing bytes",
       two("0", entry("F32", "[1]", "[8,12]")),
       16,
       {{kEntryMalformed, "a", "", 0, 0, "a number"}},
       {"b"}},
      {"an unread entry hides no overlap",
       padded("{\"z\":0,\"a\":" + kGood + ",\"b\":" + kGood + "}"),
       4,
       {{kEntryMalformed, "z", "", 0, 0, "a number"}, {kOverlap, "b", "a", 0, 4}},
       {"a", "b"}},

      {"an unknown dtype",
       one("bfloat16", "[1]", "[0,4]"),
       4,
       {{kUnknownDType, name, "", 0, 0, "bfloat16"}}},
      {"a dtype in small letters",
       one("f32", "[1]", "[0,4]"),
       4,
       {{kUnknownDType, name, "", 0, 0, "f32"}}},
      {"an unknown dtype owns its bytes",
       two(entry("I4", "[1]", "[0,4]"), entry("F32", "[1]", "[4,8]")),
       8,
       {{kUnknownDType, "a", "", 0, 0, "I4"}},
       {"b"}},

      {"extents that overflow",
       one("F32", "[9223372036854775808,2]", "[0,4]"),
       4,
       {{kShapeOverflow, name}}},
      {"bits that overflow",
       one("F32", "[2305843009213693952]", "[0,4]"),
       4,
       {{kShapeOverflow, name}}},
      {"an overflow before a zero",
       one("F32", "[9223372036854775808,2,0]", "[0,0]"),
       0,
       {{kShapeOverflow, name}}},
      {"half a byte", one("F4", "[3]", "[0,2]"), 2, {{kSubByte, name, "", 12, 16}}},
      {"six bits", one("F6_E2M3", "[2]", "[0,2]"), 2, {{kSubByte, name, "", 12, 16}}},
      {"a reversed range", one("F32", "[1]", "[4,0]"), 4, {{kRangeReversed, name, "", 0, 4}}},
      {"a range that is too small", one("F32", "[2]", "[0,4]"), 4, {{kRangeSize, name, "", 4, 8}}},
      {"a range that is too large",
       one("BF16", "[1,2]", "[0,8]"),
       8,
       {{kRangeSize, name, "", 8, 4}}},
      {"a range past the data", one("F32", "[2]", "[0,8]"), 4, {{kRangePastData, name, "", 8, 4}}},
      {"a truncated file",
       two(entry("F32", "[2]", "[0,8]"), entry("F32", "[2]", "[8,16]")),
       4,
       {{kRangePastData, "a", "", 8, 4}, {kRangePastData, "b", "", 16, 4}}},
      {"an overlap",
       two(entry("F32", "[2]", "[0,8]"), entry("F32", "[2]", "[4,12]")),
       12,
       {{kOverlap, "b", "a", 4, 8}},
       {"a", "b"}},
      {"one range twice", two(kGood, kGood), 4, {{kOverlap, "b", "a", 0, 4}}, {"a", "b"}},
      {"a range inside another",
       padded("{\"a\":" + entry("U8", "[8]", "[0,8]") + ",\"b\":" + entry("U8", "[2]", "[2,4]") +
              ",\"c\":" + entry("U8", "[2]", "[6,8]") + "}"),
       8,
       {{kOverlap, "b", "a", 2, 8}, {kOverlap, "c", "a", 6, 8}},
       {"a", "b", "c"}},
      {"an empty tensor inside another",
       two(entry("F32", "[2]", "[0,8]"), entry("F32", "[0]", "[4,4]")),
       8,
       {{kOverlap, "b", "a", 4, 8}},
       {"a", "b"}},
      {"a gap", two(kGood, entry("F32", "[1]", "[8,12]")), 12, {{kGap, "b", "", 8, 4}}, {"a", "b"}},
      {"a gap at the start", one("F32", "[1]", "[4,8]"), 8, {{kGap, name, "", 4, 0}}, {"a"}},
      {"gaps and overlaps out of order",
       padded("{\"a\":" + entry("U8", "[4]", "[12,16]") + ",\"b\":" + entry("U8", "[4]", "[4,8]") +
              ",\"c\":" + entry("U8", "[4]", "[6,10]") + "}"),
       20,
       {{kGap, "b", "", 4, 0},
        {kOverlap, "c", "b", 6, 8},
        {kGap, "a", "", 12, 10},
        {kTrailingBytes, "", "", 20, 16}},
       {"a", "b", "c"}},
      {"trailing bytes", one("F32", "[1]", "[0,4]"), 5, {{kTrailingBytes, "", "", 5, 4}}, {"a"}},
      {"bytes and no tensor", padded("{}"), 3, {{kTrailingBytes, "", "", 3, 0}}},
      {"a tensor off its alignment",
       two(entry("U8", "[1]", "[0,1]"), entry("F32", "[1]", "[1,5]")),
       5,
       {{kMisaligned, "b", "", 121, 4}},
       {"a", "b"}},
      {"a header off the alignment",
       "{\"a\":" + kGood + "}",
       4,
       {{kMisaligned, "a", "", 62, 4}},
       {"a"}},
      {"two words of a complex number", one("C64", "[1]", "[0,8]"), 8, {}, {"a"}},

      {"metadata that is a list",
       with_metadata("[]"),
       4,
       {{kMetadataMalformed, "", "", 0, 0, "a list"}},
       {"a"}},
      {"metadata that is a string",
       with_metadata("\"x\""),
       4,
       {{kMetadataMalformed, "", "", 0, 0, "a string"}},
       {"a"}},
      {"metadata with other values",
       with_metadata(R"({"n":1,"o":{"p":[]},"z":null,"s":"t"})"),
       4,
       {{kMetadataMalformed, "", "n", 0, 0, "a number"},
        {kMetadataMalformed, "", "o", 0, 0, "an object"},
        {kMetadataMalformed, "", "z", 0, 0, "null"}},
       {"a"}},

      {"space before",
       padded("  {\"a\":" + kGood + "}"),
       4,
       {{kPadding, "", "", 0, 0, "white space before the object"}},
       {"a"}},
      {"newlines after",
       "{\"a\":" + kGood + "} \n\n    \n",
       4,
       {{kPadding, "", "", 55, 0, "white space other than spaces after the object"},
        {kMisaligned, "a", "", 70, 4}},
       {"a"}},
      {"NUL after",
       "{\"a\":" + kGood + "} " + std::string(9, '\0'),
       4,
       {{kBadPadding, "", "", 55, 0, "NUL bytes after the object"}},
       {"a"}},
      {"text after",
       "{\"a\":" + kGood + "} {}" + std::string(7, ' '),
       4,
       {{kBadPadding, "", "", 55, 0, "text after the object"}},
       {"a"}},
      {"a byte-order mark",
       padded("\xEF\xBB\xBF{\"a\":" + kGood + "}"),
       4,
       {{kBadPadding, "", "", 0, 0, "a byte-order mark before the object"}},
       {"a"}},
  };
  for (const std::string extent : {"-1", "-0", "1.0", "1e0", "18446744073709551616"}) {
    rows.push_back({"an extent " + extent,
                    one("F32", '[' + extent + ']', "[0,4]"),
                    4,
                    {{kEntryMalformed, name, "shape", 0, 0, "holds " + extent}}});
    rows.push_back({"an offset " + extent,
                    one("F32", "[1]", "[0," + extent + "]"),
                    4,
                    {{kEntryMalformed, name, "data_offsets", 0, 0, "holds " + extent}}});
  }
  return rows;
}

std::string print(const Expected& d) {
  return std::to_string(static_cast<int>(d.kind)) + " '" + d.tensor + "' '" + d.other + "' " +
         std::to_string(d.found) + "/" + std::to_string(d.expected) + " " + d.detail + '\n';
}

TEST_CASE("safetensors: every defect is named with what was found and expected") {
  for (const DefectRow& row : table()) {
    CAPTURE(row.what);
    const Header header = parse_header(row.text, kPrefixBytes + row.text.size() + row.data);
    std::string found;
    bool usable = true;
    for (const Defect& d : header.defects) {
      found += print(
          {d.kind, std::string(d.tensor), std::string(d.other), d.found, d.expected, d.detail});
      usable = usable && !refused(d.kind);
    }
    std::string expected;
    for (const Expected& defect : row.defects)
      expected += print(defect);
    CHECK(found == expected);
    CHECK(header.usable() == usable);
    std::vector<std::string> names;
    for (const TensorEntry& tensor : header.tensors) {
      if (tensor.readable) names.emplace_back(tensor.name);
    }
    CHECK(names == row.readable);
  }
}

TEST_CASE("safetensors: the table has every kind of defect that a header can have") {
  std::set<DefectKind> kinds = {DefectKind::kTooShort, DefectKind::kLengthTooLarge,
                                DefectKind::kLengthBeyondFile};  // of the prefix: header_test.cc
  for (const DefectRow& row : table()) {
    for (const Expected& defect : row.defects)
      kinds.insert(defect.kind);
  }
  CHECK(kinds.size() == kDefectKindCount);
}

TEST_CASE("safetensors: what the reference reader refuses has the text that it prints") {
  using enum DefectKind;
  const std::set<DefectKind> accepted = {kDuplicateTensor, kDuplicateMetadata, kUnknownKey,
                                         kUnusualForm,     kUnusualName,       kMisaligned,
                                         kPadding};
  for (std::size_t i = 0; i < kDefectKindCount; ++i) {
    const auto kind = static_cast<DefectKind>(i);
    CHECK(refused(kind) == !accepted.contains(kind));
    CHECK(loader_text(kind).empty() == accepted.contains(kind));
  }
  CHECK(loader_text(kNotUtf8) == "Error while deserializing header: invalid UTF-8 in header: ");
  CHECK(loader_text(kTrailingBytes) ==
        "Error while deserializing header: incomplete metadata, file not fully covered");
}

}  // namespace
}  // namespace shardwright::safetensors
