#include "safetensors/writer.h"

#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "safetensors/header.h"

namespace shardwright::safetensors {
namespace {

using Metadata = std::vector<std::pair<std::string, std::string>>;

const Metadata kFormat = {{"format", "pt"}};

Header read_back(const HeaderImage& image) {
  return parse_header(image.bytes.substr(kPrefixBytes), image.bytes.size() + image.data_bytes);
}

TEST_CASE("safetensors: the canonical header, byte by byte") {
  const std::vector<TensorSpec> tensors = {{"c", DType::kU8, {3}},
                                           {"b", DType::kF32, {2, 1}},
                                           {"a\"", DType::kBF16, {}},
                                           {"a", DType::kF32, {0}}};
  const auto image = layout_header(tensors, kFormat, Order::kCanonical);
  REQUIRE(image);
  const std::string json = R"({"__metadata__":{"format":"pt"},)"
                           R"("a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)"
                           R"("b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
                           R"("a\"":{"dtype":"BF16","shape":[],"data_offsets":[8,10]},)"
                           R"("c":{"dtype":"U8","shape":[3],"data_offsets":[10,13]}})";
  const std::size_t length = (json.size() + 7) / 8 * 8;
  CHECK(length == 256);
  CHECK(image->bytes ==
        std::string("\x00\x01\0\0\0\0\0\0", 8) + json + std::string(length - json.size(), ' '));
  CHECK(image->data_bytes == 13);
  REQUIRE(image->tensors.size() == 4);
  CHECK(image->tensors[1].spec == 1);
  CHECK(image->tensors[1].begin == 0);
  CHECK(image->tensors[1].end == 8);
}

TEST_CASE("safetensors: the order can be kept") {
  const std::vector<TensorSpec> tensors = {{"b", DType::kU8, {8}}, {"a", DType::kF32, {1}}};
  const auto image = layout_header(tensors, {}, Order::kAsGiven);
  REQUIRE(image);
  CHECK(image->bytes.find("__metadata__") == std::string::npos);
  const Header header = read_back(*image);
  CHECK(header.defects.empty());
  CHECK(header.tensors[0].name == "b");
  CHECK(header.tensors[1].begin == 8);
}

TEST_CASE("safetensors: no tensors make a header of an empty object") {
  const auto image = layout_header({}, {}, Order::kCanonical);
  REQUIRE(image);
  CHECK(image->bytes == std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
}

TEST_CASE("safetensors: data starts where the caller wants it") {
  const std::vector<TensorSpec> tensors = {{"a", DType::kF32, {1}}};
  for (const std::uint64_t remainder : {0U, 8U, 2048U, 4088U}) {
    const auto image = layout_header(tensors, kFormat, Order::kCanonical, 4096, remainder);
    REQUIRE(image);
    CHECK(image->bytes.size() % 4096 == remainder);
    CHECK(image->bytes.size() <= 4096 + 96);
    CHECK(read_back(*image).defects.empty());
  }
  for (const auto& [modulus, remainder] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{{4, 0}, {24, 0}, {8, 4}, {16, 16}}) {
    const auto image = layout_header(tensors, kFormat, Order::kCanonical, modulus, remainder);
    REQUIRE(!image);
    CHECK(image.error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("safetensors: what no reader would take is not written") {
  const auto message = [](std::vector<TensorSpec> tensors) {
    const auto image = layout_header(tensors, kFormat, Order::kCanonical);
    return image ? "no error" : image.error().message;
  };
  CHECK(message({{"a", DType::kF32, {1}}, {"a", DType::kU8, {1}}}) == "two tensors are named 'a'");
  CHECK(message({{"__metadata__", DType::kF32, {1}}}) == "no tensor can be named '__metadata__'");
  CHECK(message({{"a\xFF", DType::kF32, {1}}}) == "the tensor name 'a\\xff' is not UTF-8");
  CHECK(message({{"a", DType::kF4, {3}}}) ==
        "the size of 'a', F4 of [3], is no whole number of bytes that fits");
  CHECK(
      message({{"a", DType::kU8, {1ULL << 63U, 2, 0}}}) ==
      "the size of 'a', U8 of [9223372036854775808, 2, 0], is no whole number of bytes that fits");
  constexpr std::uint64_t kLarge = 1ULL << 60U;
  std::vector<TensorSpec> many;
  for (int i = 0; i < 17; ++i)
    many.push_back({std::to_string(i), DType::kU8, {kLarge}});
  CHECK(message(many) ==
        "the size of '8', U8 of [1152921504606846976], is no whole number of bytes that fits");
  const auto image =
      layout_header(std::vector<TensorSpec>{{std::string(kMaxHeaderBytes, 'a'), DType::kU8, {1}}},
                    {}, Order::kCanonical);
  REQUIRE(!image);
  CHECK(image.error().code == ErrorCode::kUnsupported);
}

TEST_CASE("safetensors: what is written reads back whole and without a defect") {
  std::mt19937 random(4);
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  for (int round = 0; round < 300; ++round) {
    std::vector<TensorSpec> tensors;
    const unsigned count = below(30);
    for (unsigned i = 0; i < count; ++i) {
      TensorSpec tensor{.name = std::to_string(below(1000)) + "\"\xC3\xA9\\." + std::to_string(i)};
      tensor.dtype = static_cast<DType>(below(kDTypeCount));
      for (unsigned rank = below(4); rank > 0; --rank)
        tensor.shape.push_back(below(6));
      tensor.shape.push_back(4 * below(3));  // whole bytes for 4 and 6 bits, too
      tensors.push_back(tensor);
    }
    const auto image = layout_header(tensors, kFormat, Order::kCanonical, 64, 8 * below(8));
    REQUIRE(image);
    const Header header = read_back(*image);
    CHECK(header.defects.empty());
    CHECK(header.metadata == kFormat);
    REQUIRE(header.tensors.size() == tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const TensorSpec& spec = tensors[image->tensors[i].spec];
      const TensorEntry& entry = header.tensors[i];
      CHECK(entry.name == spec.name);
      CHECK(entry.dtype == spec.dtype);
      CHECK(same_shape(entry.shape, spec.shape));
      CHECK(entry.begin == image->tensors[i].begin);
      CHECK(entry.end == image->tensors[i].end);
    }
    CHECK(layout_header(tensors, kFormat, Order::kCanonical)->bytes ==
          layout_header(tensors, kFormat, Order::kCanonical)->bytes);
  }
}

}  // namespace
}  // namespace shardwright::safetensors
