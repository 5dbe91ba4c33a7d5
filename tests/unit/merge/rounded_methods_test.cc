// With a dtype to round to, methods take the steps of their peer.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <doctest/doctest.h>

#include "merge/kernels.h"
#include "support/merge_run.h"
#include "tensor/convert.h"
#include "unit/merge/vectors.h"

namespace shardwright::test {

TEST_CASE("merge: with a dtype to round to, nearswap and nuslerp take the peer's steps") {
  const auto rd = [](double value) {
    return static_cast<double>(
        std::bit_cast<float>(std::uint32_t{bf16_from_f32(static_cast<float>(value))} << 16U));
  };
  MergeSetup setup{.method = "nearswap", .inputs = random_models(2, 4097, 18), .base = 0};
  for (Floats& input : setup.inputs) {
    for (float& value : input)
      value = static_cast<float>(rd(value));
  }
  setup.globals = {0.003};
  setup.round_to = DType::kBF16;
  const Vectors x = wide(setup.inputs);
  Vector truth;
  for (std::size_t i = 0; i < x[0].size(); ++i) {
    const double distance = std::max(std::abs(rd(x[0][i] - x[1][i])), rd(1e-6));
    const double weight = std::min(rd(rd(1 / distance) * static_cast<double>(0.003F)), 1.0);
    truth.push_back(rd(rd(weight * x[1][i]) + rd(rd(1 - weight) * x[0][i])));
  }
  agrees(setup, truth, 0);

  setup = {.method = "nuslerp", .inputs = setup.inputs, .values = {{1}, {3}}};
  setup.round_to = DType::kBF16;
  const double cosine = rd(dot(x[0], x[1]) / rd(norm(x[0])) / rd(norm(x[1])));
  const double angle = rd(std::acos(cosine));
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double first = rd(rd(std::sin(rd(0.25 * angle))) * x[0][i]);
    const double second = rd(rd(std::sin(rd(0.75 * angle))) * x[1][i]);
    truth[i] = rd(rd(first + second) / rd(std::sin(angle)));
  }
  REQUIRE(cosine < 0.99);
  agrees(setup, truth, 0);
}

TEST_CASE("merge: with a dtype to round to, each column takes the steps that it takes alone") {
  constexpr std::size_t kRows = 37;
  constexpr std::size_t kColumns = 11;
  MergeSetup setup{.method = "nuslerp", .inputs = random_models(3, kRows * kColumns, 20)};
  for (Floats& input : setup.inputs)
    kernel::round_to(DType::kBF16, input.data(), input.size());
  setup.base = 0;
  setup.values = {{}, {1}, {3}};
  setup.round_to = DType::kBF16;
  MergeSetup columns = setup;
  columns.shape = {kRows, kColumns};
  columns.globals = {1, 0};
  const Floats result = run_merge(columns);
  CHECK(run_merge(columns, {.threads = 4, .shuffle = 5}) == result);
  for (std::size_t column = 0; column < kColumns; ++column) {
    MergeSetup alone = setup;
    Floats expected;
    for (Floats& input : alone.inputs) {
      Floats own;
      for (std::size_t i = column; i < input.size(); i += kColumns)
        own.push_back(input[i]);
      input = own;
    }
    for (std::size_t i = column; i < result.size(); i += kColumns)
      expected.push_back(result[i]);
    CHECK(run_merge(alone) == expected);
  }
}

TEST_CASE("merge: with a dtype to round to, karcher stands still where all models are alike") {
  MergeSetup setup{.method = "karcher", .inputs = random_models(1, 5000, 21)};
  kernel::round_to(DType::kBF16, setup.inputs[0].data(), setup.inputs[0].size());
  setup.inputs.resize(3, setup.inputs[0]);
  setup.round_to = DType::kBF16;
  const int passes = count_passes(setup);
  CHECK(passes >= 3);  // lengths, the mean's, cosines
  CHECK(passes <= 5);
  CHECK(distance(run_merge(setup), wide(setup.inputs[0])) < 1e-2);

  setup.inputs.assign(3, Floats(100));
  CHECK(run_merge(setup) == Floats(100));
  CHECK(count_passes(setup) == 1);
}

TEST_CASE("merge: with a dtype to round to, results are of that dtype") {
  for (const std::string_view name :
       {"nearswap", "nuslerp", "multislerp", "model_stock", "karcher"}) {
    CAPTURE(name);
    MergeSetup setup{.method = name, .inputs = random_models(name == "nearswap" ? 2 : 3, 4097, 19)};
    if (name != "karcher") setup.base = 0;
    setup.round_to = DType::kBF16;
    if (name == "nearswap") setup.globals = {0.003};
    if (name.ends_with("slerp")) setup.values = {{}, {1}, {2}};
    for (Floats& input : setup.inputs)
      kernel::round_to(DType::kBF16, input.data(), input.size());
    const Floats result = run_merge(setup);
    Floats rounded = result;
    kernel::round_to(DType::kBF16, rounded.data(), rounded.size());
    CHECK(rounded == result);
    setup.round_to.reset();
    CHECK(distance(result, wide(run_merge(setup))) < (name == "karcher" ? 1e-2 : 2e-3));
  }
}

}  // namespace shardwright::test
