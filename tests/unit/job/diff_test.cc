#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "job/diff_json.h"
#include "job/diff_tensors.h"
#include "job/diff_values.h"
#include "shardwright/diff_job.h"
#include "support/element.h"
#include "support/fixture.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

Bytes bytes_of_text(const std::string& text) {
  return std::as_bytes(std::span(text));
}

template <typename T>
std::string text_of(const std::vector<T>& values) {
  std::string text(values.size() * sizeof(T), '\0');
  std::memcpy(text.data(), values.data(), text.size());
  return text;
}

ValueSums compared(DType a, const std::string& in_a, DType b, const std::string& in_b) {
  ValueSums sums;
  ValueComparer(a, b).add(0, bytes_of_text(in_a), bytes_of_text(in_b), sums);
  return sums;
}

std::string encoded(DType dtype, const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    const std::uint64_t bits = test::element_bits(dtype, value);
    text.append(reinterpret_cast<const char*>(&bits), dtype_bits(dtype) / 8);
  }
  return text;
}

}  // namespace

TEST_CASE("job: the numbers of two tensors, whatever their dtypes") {
  // All of these are exact in every dtype that has fractions or signs at all.
  const std::vector<double> a = {0, 1, 2, 3, 4, 5, 6, 7, 8, 1};
  const std::vector<double> b = {0, 1, 2, 5, 4, 5, 6, 7, 4, 0};
  for (std::size_t i = 0; i < kDTypeCount; ++i) {
    for (std::size_t j = 0; j < kDTypeCount; ++j) {
      const auto left = static_cast<DType>(i);
      const auto right = static_cast<DType>(j);
      if (!has_values(left) || !has_values(right)) continue;
      if (left == DType::kBool || right == DType::kBool) continue;
      CAPTURE(dtype_name(left));
      CAPTURE(dtype_name(right));
      const ValueSums sums = compared(left, encoded(left, a), right, encoded(right, b));
      CHECK(sums.different == 3);
      CHECK(sums.not_finite == 0);
      CHECK(sums.largest == 4);
      CHECK(sums.at == 8);
      CHECK(sums.sum == 7);
    }
  }
  CHECK(!has_values(DType::kF4));
  CHECK(!has_values(DType::kC64));
}

TEST_CASE("job: numbers that are not finite have no distance") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const float most = std::numeric_limits<float>::max();
  std::vector<float> a(40, 1);
  std::vector<float> b(40, 1);
  a[3] = nan;
  a[4] = b[4] = nan;
  a[5] = b[5] = infinity;
  b[6] = -infinity;
  a[7] = 0.0F;
  b[7] = -0.0F;
  a[20] = 1.5F;
  ValueSums sums = compared(DType::kF32, text_of(a), DType::kF32, text_of(b));
  CHECK(sums.different == 3);
  CHECK(sums.not_finite == 2);
  CHECK(sums.largest == 0.5);
  CHECK(sums.at == 20);
  CHECK(sums.sum == 0.5);
  // A difference that fp32 cannot hold.
  a = {most};
  b = {-most};
  sums = compared(DType::kF32, text_of(a), DType::kF32, text_of(b));
  CHECK(sums.not_finite == 0);
  CHECK(sums.largest == 2.0 * static_cast<double>(most));
}

TEST_CASE("job: integers of 64 bits and F64 differ by one") {
  const auto big = std::int64_t{1} << 60;
  const ValueSums whole = compared(DType::kI64, text_of(std::vector<std::int64_t>{big, 7}),
                                   DType::kI64, text_of(std::vector<std::int64_t>{big + 1, 7}));
  CHECK(whole.different == 1);
  CHECK(whole.largest == 1);
  const double next = std::nextafter(1.0, 2.0);
  const ValueSums wide = compared(DType::kF64, text_of(std::vector<double>{1.0}), DType::kF64,
                                  text_of(std::vector<double>{next}));
  CHECK(wide.largest == next - 1.0);
}

TEST_CASE("job: a sum beyond all numbers is given as the largest") {
  const std::vector<double> a(4, 1.7e308);
  const std::vector<double> b(4, -1.7e308);
  const ValueSums sums = compared(DType::kF64, text_of(a), DType::kF64, text_of(b));
  CHECK(std::isfinite(sums.largest));
  CHECK(!std::isfinite(sums.sum));
  const std::vector<std::uint64_t> shape = {2, 2};
  Tensor tensor{.name = {}, .shape = shape, .dtype = DType::kF64};
  const ValueDifference values = value_difference(sums, tensor);
  CHECK(values.mean == std::numeric_limits<double>::max() / 4);
  CHECK(values.at == std::vector<std::uint64_t>{0, 0});
}

TEST_CASE("job: a long run is compared as its parts are") {
  for (const std::uint64_t count : {1U, 7U, 8U, 4095U, 4096U, 4097U, 20'001U}) {
    const std::string a = test::fill_bytes(DType::kBF16, count, "random:1");
    const std::string b = test::fill_bytes(DType::kBF16, count, "random:2");
    const ValueSums sums = compared(DType::kBF16, a, DType::kBF16, b);
    ValueSums one_by_one;
    ValueComparer comparer(DType::kBF16, DType::kBF16);
    for (std::uint64_t i = 0; i < count; ++i) {
      ValueSums one;
      comparer.add(i, bytes_of_text(a).subspan(2 * i, 2), bytes_of_text(b).subspan(2 * i, 2), one);
      append(one_by_one, one);
    }
    CHECK(sums.different == one_by_one.different);
    CHECK(sums.largest == one_by_one.largest);
    CHECK(sums.at == one_by_one.at);
    CHECK(sums.sum == doctest::Approx(one_by_one.sum));
  }
}

TEST_CASE("job: the smallest parts of two JSON values that differ") {
  const auto differences = [](std::string_view a, std::string_view b) {
    const auto left = json::parse(a);
    const auto right = json::parse(b);
    REQUIRE(left);
    REQUIRE(right);
    std::string text;
    json_differences(
        left->root, right->root, {},
        [&](const std::string& pointer, const json::Value* in_a, const json::Value* in_b) {
          text += pointer + " " + (in_a ? json::dump(*in_a) : "-") + " " +
                  (in_b ? json::dump(*in_b) : "-") + "\n";
        });
    return text;
  };
  CHECK(differences(R"({"a":1,"b":{"c":[1,2]}})", R"({"b":{"c":[1.0,2]},"a":1})").empty());
  CHECK(differences(R"({"a":1,"x":null})", R"({"a":2,"y":3})") == "/a 1 2\n/x null -\n/y - 3\n");
  CHECK(differences(R"({"b":{"c/d":[1,{"e":2}]}})", R"({"b":{"c/d":[1,{"e":3}]}})") ==
        "/b/c~1d/1/e 2 3\n");
  CHECK(differences(R"({"l":[1,2]})", R"({"l":[1,2,3]})") == "/l [1, 2] [1, 2, 3]\n");
  CHECK(differences(R"({"a":1,"a":2})", R"({"a":2})").empty());
  CHECK(differences(R"({"a":2})", R"({"a":1,"a":2,"b":1,"b":2})") == "/b - 2\n");
  CHECK(differences("[1]", R"({"a":1})") == " [1] {\"a\": 1}\n");
}

TEST_CASE("job: a difference does not depend on threads, and is found at every byte") {
  const test::TempDir dir;
  const auto fixture = [](std::uint64_t at) {
    return R"({"files": {"model.safetensors": {"tensors": {
        "w": {"dtype": "BF16", "shape": [5000000], "fill": "zero"},
        "v": {"dtype": "F4", "shape": [30000], "fill": "random:3"}}, "patch": [{"tensor": "w", "at": )" +
           std::to_string(at) + R"(, "hex": "01"}]}}})";
  };
  test::write_fixture(fixture(0), dir.path() + "/a");
  for (const std::uint64_t at : {2U, 524'287U, 524'288U, 8'388'607U, 8'388'608U, 9'999'999U}) {
    test::write_fixture(fixture(at), dir.path() + "/b");
    for (const int threads : {1, 3}) {
      const auto report = diff(dir.path() + "/a", dir.path() + "/b", {.threads = threads});
      REQUIRE(report);
      CHECK(report->same == 1);
      REQUIRE(report->tensors.size() == 1);
      REQUIRE(report->tensors[0].values);
      CHECK(report->tensors[0].values->different == 2);
      const double last = report->tensors[0].values->largest;
      CHECK(last > 0);
      const std::uint64_t element = at % 2 == 1 ? at / 2 : 0;  // a high byte is the larger number
      CHECK(report->tensors[0].values->at == std::vector<std::uint64_t>{element});
    }
  }
}

}  // namespace shardwright
