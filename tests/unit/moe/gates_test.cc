#include "moe/gates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include "moe/sources.h"

namespace shardwright {
namespace {

std::vector<float> values_of(const ByteSource& source) {
  std::vector<float> values(source.size() / sizeof(float));
  REQUIRE(source.read(0, std::as_writable_bytes(std::span(values))));
  return values;
}

constexpr std::array<std::uint64_t, 2> kShape = {8, 4096};
constexpr ExpectedTensor kRouter = {.name = "l.3.gate.weight", .shape = kShape, .layer = 3};

struct Moments {
  double mean{}, deviation{}, most{};
};
Moments moments_of(const std::vector<float>& values) {
  double sum = 0;
  double squares = 0;
  double most = 0;
  for (const float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
    most = std::max(most, std::abs(static_cast<double>(value)));
  }
  const auto count = static_cast<double>(values.size());
  return {sum / count, std::sqrt(squares / count), most};
}

}  // namespace

TEST_CASE("moe: random gates go by the seed and the name, read at any place") {
  MoeRecipe recipe{.gate = GateMode::kRandom};
  const auto source = gate_source(recipe, std::nullopt, kRouter, 0, 7);
  const std::vector<float> values = values_of(*source);
  const Moments normal = moments_of(values);
  CHECK(std::abs(normal.mean) < 0.02);
  CHECK(normal.deviation == doctest::Approx(1).epsilon(0.02));
  CHECK(values == values_of(*gate_source(recipe, std::nullopt, kRouter, 0, 7)));
  CHECK(values != values_of(*gate_source(recipe, std::nullopt, kRouter, 0, 8)));
  float one = 0;
  REQUIRE(source->read(1234 * sizeof(float), std::as_writable_bytes(std::span(&one, 1))));
  CHECK(one == values[1234]);

  recipe.gate = GateMode::kUniform;
  const Moments uniform = moments_of(values_of(*gate_source(recipe, std::nullopt, kRouter, 0, 7)));
  CHECK(uniform.most < 1.0 / 64);
  CHECK(uniform.deviation == doctest::Approx(1.0 / 64 / std::sqrt(3.0)).epsilon(0.02));
}

TEST_CASE("moe: rows of a table") {
  const GateTable table{
      .layers = 1, .experts = 3, .hidden = 2, .routed = 2, .rows = {1, 0, 0, 1, 0.6F, 0.8F}};
  constexpr std::array<std::uint64_t, 2> kOne = {1, 2};
  const ExpectedTensor shared = {.name = "g", .shape = kOne, .layer = 5};
  CHECK(values_of(*gate_source({}, table, shared, 2, 0)) == std::vector<float>{0.6F, 0.8F});
}

TEST_CASE("moe: a row is what negative prompts leave of positive ones, of length 1") {
  GateTable table{.layers = 1, .experts = 3, .hidden = 2, .routed = 3};
  add_row(std::vector<double>{3, 4}, {}, table);
  add_row(std::vector<double>{3, 4}, std::vector<double>{3, 1}, table);
  add_row(std::vector<double>{3, 4}, std::vector<double>{3, 4}, table);
  CHECK(table.rows == std::vector<float>{0.6F, 0.8F, 0, 1, 0, 0});
  CHECK(table.left == std::vector<double>{1, 0.6, 0});
  CHECK(table.norms == std::vector<double>{5, 3, 0});
}

TEST_CASE("moe: a tensor changed is read as F32, and noise has the size that is asked for") {
  const std::vector<float> stored(20'000, 3.0F);
  const auto bytes = given_source(stored);
  constexpr std::array<std::uint64_t, 1> kLong = {20'000};
  const Tensor tensor = {.name = "t",
                         .shape = kLong,
                         .dtype = DType::kF32,
                         .source = bytes.get(),
                         .bytes = bytes->size(),
                         .readable = true};
  CHECK(values_of(*changed_source(tensor, {.scale = 0.5, .plus = 1})).front() == 2.5F);
  std::vector<float> noisy =
      values_of(*changed_source(tensor, {.noise = 0.25, .key = random_key(1, "t", 0)}));
  for (float& value : noisy)
    value -= 3;
  CHECK(moments_of(noisy).deviation == doctest::Approx(0.25).epsilon(0.03));
  CHECK(ElementChange{}.is_none());
}

}  // namespace shardwright
