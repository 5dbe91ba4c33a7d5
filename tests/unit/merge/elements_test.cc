// Methods that go element by element, against their formulas; ramplus_tl counts all elements first.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <doctest/doctest.h>

#include "support/merge_run.h"
#include "unit/merge/vectors.h"

namespace shardwright::test {

TEST_CASE("merge: linear is the weighted average") {
  for (const std::size_t count : kDenseCounts) {
    MergeSetup setup{.method = "linear", .inputs = random_models(3, count, 1)};
    setup.values = {{0.5}, {0.3}, {-0.1}};
    const Vectors x = wide(setup.inputs);
    const Vector sum = plus(plus(times(0.5, x[0]), 0.3, x[1]), -0.1, x[2]);
    setup.globals = {0};
    agrees(setup, sum);
    setup.globals = {1};
    agrees(setup, times(1 / 0.7, sum));
  }
}

TEST_CASE("merge: linear refuses weights that it cannot divide by, and inputs without one") {
  MergeSetup setup{.method = "linear", .inputs = {{1}, {2}}, .values = {{1}, {-1}}};
  CHECK(make_program(setup).error().message.starts_with("weight: "));
  setup.globals = {0};
  CHECK(run_merge(setup) == Floats{-1});
  setup.values = {{1}};
  CHECK(make_program(setup).error().message.starts_with("weight: "));
}

TEST_CASE("merge: nearswap takes what is near and moves by t where it is not") {
  for (const std::size_t count : kDenseCounts) {
    for (const std::size_t base : {0U, 1U}) {
      MergeSetup setup{.method = "nearswap", .inputs = random_models(2, count, 13), .base = base};
      setup.globals = {0.003};
      Vector truth = wide(setup.inputs[base]);
      for (std::size_t i = 0; i < count; ++i) {
        const double x = setup.inputs[1 - base][i];
        const double weight = std::min(1.0, 0.003 / std::max(std::abs(x - truth[i]), 1e-6));
        truth[i] = weight * x + (1 - weight) * truth[i];
      }
      agrees(setup, truth);
    }
  }
}

TEST_CASE("merge: passthrough hands on the tensor, or scales it") {
  MergeSetup setup{.method = "passthrough", .inputs = random_models(1, 4097, 14)};
  agrees(setup, wide(setup.inputs[0]), 0);
  setup.values = {{-0.5}};
  agrees(setup, times(-0.5, wide(setup.inputs[0])), 0);
}

TEST_CASE("merge: ram averages changes where models share them") {
  constexpr float kEpsilon = 4e-3F;
  for (const std::size_t count : kDenseCounts) {
    MergeSetup setup{.method = "ram", .inputs = random_models(4, count, 15), .base = 2};
    setup.globals = {kEpsilon};
    Vector truth = wide(setup.inputs[2]);
    Vector plus_truth = truth;
    Vector alone(4);
    Vector shared(4);
    const auto changes = [&](std::size_t i) {
      std::vector<std::size_t> who;
      for (const std::size_t k : {0U, 1U, 3U}) {
        if (std::abs(setup.inputs[k][i] - setup.inputs[2][i]) > kEpsilon) who.push_back(k);
      }
      return who;
    };
    for (std::size_t i = 0; i < count; ++i) {
      const auto who = changes(i);
      for (const std::size_t k : who)
        ++(who.size() == 1 ? alone : shared)[k];
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto who = changes(i);
      const double base = setup.inputs[2][i];
      for (const std::size_t k : who) {
        const double change = (setup.inputs[k][i] - base) / static_cast<double>(who.size());
        truth[i] += change;
        const double rho = shared[k] == 0 ? 0 : std::min(0.6, shared[k] / std::max(alone[k], 1e-9));
        plus_truth[i] += who.size() == 1 ? change * (1 + 0.3 * rho) : change;
      }
    }
    agrees(setup, truth);
    setup.method = "ramplus_tl";
    setup.globals = {0.3, 0.6, kEpsilon};
    agrees(setup, plus_truth);
  }
}

}  // namespace shardwright::test
