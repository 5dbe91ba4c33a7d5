#include "checkpoint/index.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

// Its defects, one a line.
std::string defects(std::string_view text) {
  std::string out;
  for (const IndexDefect& defect : parse_index(std::string(text)).defects) {
    out += std::to_string(static_cast<int>(defect.kind)) + " '" + defect.name + "' " +
           defect.detail + '\n';
  }
  return out;
}

std::string line(IndexDefectKind kind, std::string_view name = {}, std::string_view detail = {}) {
  return std::to_string(static_cast<int>(kind)) + " '" + std::string(name) + "' " +
         std::string(detail) + '\n';
}

TEST_CASE("checkpoint: an index gives its entries, files and metadata") {
  Index parsed = parse_index(R"({"metadata": {"total_size": 28, "format": ["x", 1]},
    "other": [{"weight_map": 1}],
    "weight_map": {"b": "2.safetensors", "a\u0031": "1.safetensors", "c": "2.safetensors",
                   "d": "\u0032.safetensors"}})");
  const Index index = std::move(parsed);
  CHECK(index.defects.empty());
  CHECK(index.files == std::vector<std::string>{"2.safetensors", "1.safetensors"});
  REQUIRE(index.entries.size() == 4);
  CHECK(index.entries[0].name == "b");
  CHECK(index.entries[0].file == 0);
  CHECK(index.entries[1].name == "a1");
  CHECK(index.entries[1].file == 1);
  CHECK(index.entries[2].file == 0);
  CHECK(index.entries[3].file == 0);
  CHECK(index.has_metadata);
  CHECK(index.total_size_form == TotalSizeForm::kWhole);
  CHECK(index.total_size == 28U);
  CHECK(index.metadata == Pairs{{"format", R"(["x", 1])"}});
}

TEST_CASE("checkpoint: total_size in every form") {
  struct Row {
    std::string_view text;
    TotalSizeForm form;
    std::optional<std::uint64_t> value;
  };
  for (const Row& row :
       {Row{"0", TotalSizeForm::kWhole, 0},
        Row{"18446744073709551615", TotalSizeForm::kWhole, ~std::uint64_t{0}},
        Row{"18446744073709551616", TotalSizeForm::kOther, {}},
        Row{"13476835328.0", TotalSizeForm::kOther, 13476835328U},
        Row{"1e3", TotalSizeForm::kOther, 1000}, Row{"1.5", TotalSizeForm::kOther, {}},
        Row{"-1", TotalSizeForm::kOther, {}}, Row{"NaN", TotalSizeForm::kOther, {}},
        Row{"\"28\"", TotalSizeForm::kNotNumber, {}}, Row{"null", TotalSizeForm::kNotNumber, {}},
        Row{"{\"a\": 1}", TotalSizeForm::kNotNumber, {}}}) {
    CAPTURE(row.text);
    const Index index = parse_index("{\"metadata\": {\"total_size\": " + std::string(row.text) +
                                    "}, \"weight_map\": {}}");
    CHECK(index.defects.empty());
    CHECK(index.total_size_form == row.form);
    CHECK(index.total_size == row.value);
    CHECK(index.total_size_text == row.text);
  }
  const Index absent = parse_index(R"({"metadata": {}, "weight_map": {}})");
  CHECK(absent.total_size_form == TotalSizeForm::kAbsent);
  CHECK(!absent.total_size);
  CHECK(absent.defects.empty());
}

TEST_CASE("checkpoint: every defect of an index is named") {
  using enum IndexDefectKind;
  const std::string metadata = "\"metadata\": {}, ";
  CHECK(defects("{\"\xFF\": 1}") == line(kNotUtf8, "", "line 1, column 3"));
  CHECK(defects("\xEF\xBB\xBF{" + metadata + "\"weight_map\": {}}") == line(kByteOrderMark));
  CHECK(defects("") == line(kNotJson, "", "line 1, column 1: the text ends too early"));
  CHECK(defects("{\n\"weight_map\": {\"a\": 1,}") ==
        line(kNotJson, "", "line 2, column 22: a comma with nothing after it"));
  CHECK(defects("{\"weight_map\": {}} x") ==
        line(kNotJson, "", "line 1, column 20: text after the end of the value"));
  CHECK(defects(std::string(200, '[')) ==
        line(kTooDeep, "", "line 1, column 129: objects and arrays are nested too deep"));
  CHECK(defects("[1]") == line(kNotObject, "", "a list"));
  CHECK(defects("null") == line(kNotObject, "", "null"));
  CHECK(defects("{}") == line(kNoWeightMap) + line(kNoMetadata));
  CHECK(defects("{" + metadata + "\"weight_map\": [\"a\"]}") ==
        line(kWeightMapNotObject, "", "a list"));
  CHECK(defects("{" + metadata + R"("weight_map": {"a": 1, "b": {"c": []}, "d": null}})") ==
        line(kEntryNotString, "a", "a number") + line(kEntryNotString, "b", "an object") +
            line(kEntryNotString, "d", "null"));
  CHECK(defects("{" + metadata + R"("weight_map": {"a": "x", "\u0061": "y"}})") ==
        line(kDuplicateName, "a"));
  CHECK(defects("{" + metadata + R"("weight_map": {}, "weight_map": {}, "metadata": {}})") ==
        line(kDuplicateKey, "/weight_map") + line(kDuplicateKey, "/metadata"));
  CHECK(defects(R"({"metadata": {"total_size": 1, "a/b": 1, "total_size": 2, "a/b": 2},
                    "weight_map": {}})") ==
        line(kDuplicateKey, "/metadata/total_size") + line(kDuplicateKey, "/metadata/a~1b"));
  CHECK(defects(R"({"weight_map": {}})") == line(kNoMetadata));
  CHECK(defects(R"({"metadata": null, "weight_map": {}})") == line(kMetadataNotObject, "", "null"));
}

TEST_CASE("checkpoint: of equal names and keys in an index the last counts") {
  const Index index = parse_index(
      R"({"metadata": {"total_size": 1}, "weight_map": {"x": "f"}, "metadata": {"total_size": 2},
          "weight_map": {"a": "1", "b": "1", "a": "2"}})");
  CHECK(index.total_size == 2U);
  REQUIRE(index.entries.size() == 2);
  CHECK(index.entries[0].name == "a");
  CHECK(index.files[index.entries[0].file] == "2");
  CHECK(index.files[index.entries[1].file] == "1");
}

TEST_CASE("checkpoint: nothing is kept of an index that is no JSON") {
  const Index index = parse_index(R"({"metadata": {"total_size": 1}, "weight_map": {"a": "f"})");
  CHECK(index.defects.size() == 1);
  CHECK(index.entries.empty());
  CHECK(index.files.empty());
  CHECK(!index.has_metadata);
  CHECK(!index.total_size);
}

TEST_CASE("checkpoint: defects of an index are counted all and kept within bounds") {
  std::string text = R"({"metadata": {}, "weight_map": {"": 0)";
  for (int i = 0; i < 5000; ++i)
    text += ",\"" + std::to_string(i) + "\":0";
  const Index index = parse_index(text + "}}");
  CHECK(index.count(IndexDefectKind::kEntryNotString) == 5001);
  CHECK(index.defects.size() == Index::kMaxDefects);
}

TEST_CASE("checkpoint: an index is written as transformers writes it, and reads back") {
  const Pairs entries = {{"b.10", "x-00002.safetensors"},
                         {"b.9", "x-00001.safetensors"},
                         {"a\"\xC3\xA9", "x-00002.safetensors"}};
  const std::string text = write_index(entries, 28, Pairs{{"total_parameters", "14"}, {"a", "[]"}});
  CHECK(text == R"({
  "metadata": {
    "a": [],
    "total_parameters": 14,
    "total_size": 28
  },
  "weight_map": {
    "a\"\u00e9": "x-00002.safetensors",
    "b.10": "x-00002.safetensors",
    "b.9": "x-00001.safetensors"
  }
}
)");
  const Index index = parse_index(text);
  CHECK(index.defects.empty());
  CHECK(index.total_size == 28U);
  REQUIRE(index.entries.size() == 3);
  CHECK(index.entries[0].name == "a\"\xC3\xA9");
  CHECK(index.files == std::vector<std::string>{"x-00002.safetensors", "x-00001.safetensors"});
  CHECK(write_index({}, 0, {}) ==
        "{\n  \"metadata\": {\n    \"total_size\": 0\n  },\n  \"weight_map\": {}\n}\n");
}

}  // namespace
}  // namespace shardwright
