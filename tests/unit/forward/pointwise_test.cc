#include "forward/pointwise.h"

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {

TEST_CASE("forward: norms of a row") {
  const std::vector<float> x = {3, 4, 0, -1};
  const std::vector<float> weight = {1, 2, 1, 1};
  std::vector<float> y(4);
  const double rms = std::sqrt(26.0 / 4 + 0.5);
  normalise(NormKind::kRms, 0.5, x, weight, y);
  CHECK(y[1] == doctest::Approx(8 / rms));
  normalise(NormKind::kRmsOneMore, 0.5, x, weight, y);
  CHECK(y[1] == doctest::Approx(12 / rms));
  normalise(NormKind::kMean, 0, x, weight, y);  // mean 1.5, variance 17/4
  CHECK(y[1] == doctest::Approx(2 * 2.5 / std::sqrt(17.0 / 4)));
  std::vector<float> same = x;
  normalise(NormKind::kMean, 0, same, weight, same);
  CHECK(same == y);
}

TEST_CASE("forward: activations by name") {
  const auto of = [](std::string_view name, float x) {
    const auto activation = activation_named(name);
    REQUIRE(activation);
    std::vector<float> gate = {x};
    gated(*activation, gate, std::vector<float>{2});
    return gate.front() / 2;
  };
  CHECK(of("silu", 1) == doctest::Approx(0.7310586));
  CHECK(of("swish", -1) == doctest::Approx(-0.2689414));
  CHECK(of("gelu", 1) == doctest::Approx(0.8413447));
  CHECK(of("gelu_pytorch_tanh", 1) == doctest::Approx(0.8411920));
  CHECK(of("quick_gelu", 1) == doctest::Approx(0.8457958));
  CHECK(of("relu", -1) == 0);
  CHECK(of("silu", -200) == doctest::Approx(0));
  CHECK_FALSE(activation_named("mish"));
}

}  // namespace shardwright
