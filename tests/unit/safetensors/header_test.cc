#include "safetensors/header.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>

#include <doctest/doctest.h>

namespace shardwright::safetensors {
namespace {

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::uint64_t prefix, std::string_view rest) {
    bytes_.resize(8);
    std::memcpy(bytes_.data(), &prefix, 8);
    bytes_ += rest;
  }
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint64_t size() const override { return bytes_.size() + hole_; }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    if (offset + into.size() > bytes_.size()) return Error{ErrorCode::kIo, "past the end"};
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return ok();
  }
  // As if so many bytes stood behind those that are there.
  void add_hole(std::uint64_t bytes) { hole_ = bytes; }

 private:
  std::string bytes_;
  std::uint64_t hole_{};
};

void check_only(const Header& header, DefectKind kind, std::uint64_t found,
                std::uint64_t expected) {
  REQUIRE(header.defects.size() == 1);
  CHECK(header.defects[0].kind == kind);
  CHECK(header.defects[0].found == found);
  CHECK(header.defects[0].expected == expected);
  CHECK(!header.usable());
  CHECK(header.tensors.empty());
}

TEST_CASE("safetensors: the length prefix is judged before anything is allocated") {
  check_only(*read_header(MemorySource("")), DefectKind::kTooShort, 0, 8);
  check_only(*read_header(MemorySource("1234567")), DefectKind::kTooShort, 7, 8);
  check_only(*read_header(MemorySource(0, "{}")), DefectKind::kLengthZero, 0, 0);
  check_only(*read_header(MemorySource(100'000'001, "{}")), DefectKind::kLengthTooLarge,
             100'000'001, 100'000'000);
  check_only(*read_header(MemorySource(~std::uint64_t{0}, "{}")), DefectKind::kLengthTooLarge,
             ~std::uint64_t{0}, 100'000'000);
  check_only(*read_header(MemorySource(100'000'000, "{}")), DefectKind::kLengthBeyondFile,
             100'000'000, 2);
  check_only(*read_header(MemorySource(3, "{}")), DefectKind::kLengthBeyondFile, 3, 2);
  CHECK(read_header(MemorySource(2, "{}"))->usable());
}

TEST_CASE("safetensors: a source that cannot be read is an error") {
  MemorySource source(50, "{}");
  source.add_hole(100);
  const auto header = read_header(source);
  REQUIRE(!header);
  CHECK(header.error().code == ErrorCode::kIo);
}

TEST_CASE("safetensors: a header gives names, dtypes, shapes and ranges in its order") {
  std::string text = R"({"__metadata__":{"format":"pt","\u00e9":"a\nb"},)"
                     R"("b":{"data_offsets":[24,28],"shape":[2],"dtype":"BF16"},)"
                     R"("a.\u0031":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})";
  text.append((8 - text.size() % 8) % 8, ' ');
  MemorySource source(text.size(), text);
  source.add_hole(28);
  auto read = read_header(source);
  REQUIRE(read);
  const Header header = *std::move(read);  // views survive the move
  CHECK(header.header_bytes == text.size());
  CHECK(header.data_start() == 8 + text.size());
  CHECK(header.data_bytes == 28);
  CHECK(header.usable());
  CHECK(header.defects.empty());
  CHECK(header.has_metadata);
  CHECK(header.metadata ==
        std::vector<std::pair<std::string, std::string>>{{"format", "pt"}, {"\xC3\xA9", "a\nb"}});
  REQUIRE(header.tensors.size() == 2);
  const TensorEntry& b = header.tensors[0];
  CHECK(b.name == "b");
  CHECK(b.dtype == DType::kBF16);
  CHECK(same_shape(b.shape, Shape{2}));
  CHECK(b.begin == 24);
  CHECK(b.end == 28);
  CHECK(b.readable);
  const TensorEntry& a = header.tensors[1];
  CHECK(a.name == "a.1");
  CHECK(same_shape(a.shape, Shape{2, 3}));
}

TEST_CASE("safetensors: views of a short header survive its move") {
  Header first = parse_header("{\"a\":0}", 15);
  const Header second = std::move(first);
  REQUIRE(second.defects.size() == 1);
  CHECK(second.defects[0].tensor == "a");
}

TEST_CASE("safetensors: of equal names the last entry stands, in the place of the first") {
  const std::string text = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                           R"("b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]},)"
                           R"("a":{"dtype":"I32","shape":[1,1],"data_offsets":[0,4]}} )";
  const Header header = parse_header(text, 8 + text.size() + 8);
  CHECK(header.usable());
  CHECK(header.count(DefectKind::kDuplicateTensor) == 1);
  REQUIRE(header.tensors.size() == 2);
  CHECK(header.tensors[0].name == "a");
  CHECK(header.tensors[0].dtype == DType::kI32);
  CHECK(same_shape(header.tensors[0].shape, Shape{1, 1}));
}

TEST_CASE("safetensors: defects are counted all and kept within bounds") {
  std::string text = "{";
  for (int i = 0; i < 30'000; ++i)
    text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
  text += '}';
  const Header header = parse_header(text, 8 + text.size());
  CHECK(header.count(DefectKind::kEntryMalformed) == 30'000);
  CHECK(header.defects.size() == Header::kMaxDefects);
  CHECK(header.tensors.empty());
}

// The header of so many tensors with this entry.
Header repeated(std::string_view entry, std::size_t times) {
  std::string text = "{";
  for (std::size_t i = 0; i < times; ++i) {
    text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":";
    text += entry;
  }
  text += '}';
  return parse_header(text, 8 + text.size() + 64);
}

TEST_CASE("safetensors: no kind of defect is kept without end") {
  using enum DefectKind;
  constexpr std::size_t kTimes = Header::kMaxDefects + 3;
  const auto check = [](const Header& header, DefectKind kind, std::uint64_t count) {
    CAPTURE(static_cast<int>(kind));
    CHECK(header.count(kind) == count);
    CHECK(std::ranges::count(header.defects, kind, &Defect::kind) == Header::kMaxDefects);
  };
  for (const auto& [kind, each, entry] : {
           std::tuple{kEntryMalformed, 3U, "{}"},
           std::tuple{kEntryMalformed, 4U, "[1,2,3,4]"},
           std::tuple{kEntryMalformed, 1U, R"({"dtype":5,"shape":[],"data_offsets":[0,4]})"},
           std::tuple{kEntryMalformed, 1U,
                      R"({"dtype":{"F32":1},"shape":[],"data_offsets":[0,4]})"},
           std::tuple{kEntryMalformed, 1U, R"({"dtype":"F32","shape":{},"data_offsets":[0,4]})"},
           std::tuple{kEntryMalformed, 1U, R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"},
           std::tuple{kEntryMalformed, 1U, R"({"dtype":"F32","shape":[],"data_offsets":[0,4,8]})"},
           std::tuple{kUnknownDType, 1U, R"({"dtype":"F31","shape":[],"data_offsets":[0,4]})"},
           std::tuple{kUnknownKey, 1U, R"({"x":1,"dtype":"F32","shape":[],"data_offsets":[0,4]})"},
           std::tuple{kDuplicateKey, 1U,
                      R"({"shape":[],"dtype":"F32","shape":[],"data_offsets":[0,4]})"},
           std::tuple{kUnusualForm, 1U, R"(["F32",[],[0,4]])"},
           std::tuple{kShapeOverflow, 1U,
                      R"({"dtype":"F32","shape":[9223372036854775808,2],"data_offsets":[0,4]})"},
           std::tuple{kSubByte, 1U, R"({"dtype":"F4","shape":[1],"data_offsets":[0,4]})"},
           std::tuple{kRangeReversed, 1U, R"({"dtype":"F32","shape":[],"data_offsets":[4,0]})"},
           std::tuple{kRangeSize, 1U, R"({"dtype":"F32","shape":[],"data_offsets":[0,5]})"},
           std::tuple{kRangePastData, 1U, R"({"dtype":"U8","shape":[65],"data_offsets":[0,65]})"},
       }) {
    CAPTURE(entry);
    const Header header = repeated(entry, kTimes);
    check(header, kind, each * kTimes);
  }
  check(repeated(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8]})", kTimes), kOverlap,
        kTimes - 1);
  std::string metadata = R"({"__metadata__":{"a":"")";
  for (std::size_t i = 0; i < kTimes; ++i)
    metadata += R"(,"a":"","b":1)";
  metadata += "}";
  for (std::size_t i = 0; i < kTimes; ++i)
    metadata += R"(,"__metadata__":{})";
  metadata += "}";
  const Header header = parse_header(metadata, 8 + metadata.size());
  check(header, kDuplicateMetadata, kTimes);
  check(header, kMetadataMalformed, kTimes);
  check(header, kDuplicateKey, kTimes);
}

TEST_CASE("safetensors: a header that breaks off inside a dtype is no JSON") {
  for (const char* text : {R"({"a":{"dtype":{"F32":[}}})", R"({"a":{"dtype":{"F32":)",
                           R"({"a":{"dtype":{"F32":null)", R"({"a":{"dtype":{)"}) {
    const Header header = parse_header(text, 8 + std::string_view(text).size());
    CHECK(header.count(DefectKind::kNotJson) == 1);
    CHECK(header.tensors.empty());
    CHECK_FALSE(header.usable());
  }
}

TEST_CASE("safetensors: many extents stay where they were stored") {
  std::string text = "{";
  for (std::uint64_t i = 0; i < 2000; ++i) {
    std::string shape;
    for (std::uint64_t k = 0; k <= i % 40; ++k)
      shape += (k > 0 ? "," : "") + std::to_string(i + k);
    if (i == 1000) {
      for (int k = 0; k < 50'000; ++k)
        shape += ",1";
    }
    text += (i > 0 ? ",\"" : "\"") + std::to_string(i) +
            R"(":{"dtype":"U8","data_offsets":[0,0],"shape":[)" + shape + "]}";
  }
  text += '}';
  const Header header = parse_header(text, 8 + text.size());
  REQUIRE(header.tensors.size() == 2000);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const ShapeView shape = header.tensors[i].shape;
    REQUIRE(shape.size() == i % 40 + 1 + (i == 1000 ? 50'000 : 0));
    for (std::uint64_t k = 0; k <= i % 40; ++k)
      CHECK(shape[k] == i + k);
  }
}

}  // namespace
}  // namespace shardwright::safetensors
