#include <random>

#include <doctest/doctest.h>

#include "support/merge_run.h"

namespace shardwright {
namespace {

using test::Floats;
using test::MergeSetup;

Floats random_floats(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.02F);
  Floats values(count);
  for (float& value : values)
    value = normal(random);
  return values;
}

}  // namespace

TEST_CASE("merge: linear is the weighted average") {
  for (const std::size_t count : {1U, 15U, 4097U, 100'000U}) {
    MergeSetup setup{.method = "linear"};
    setup.inputs = {random_floats(count, 1), random_floats(count, 2), random_floats(count, 3)};
    setup.values = {{0.5}, {0.3}, {-0.1}};
    for (const double normalize : {0.0, 1.0}) {
      setup.globals = {normalize};
      const Floats result = run_merge(setup);
      const double divisor = normalize != 0 ? 0.7 : 1;
      double worst = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const double truth =
            (0.5 * setup.inputs[0][i] + 0.3 * setup.inputs[1][i] - 0.1 * setup.inputs[2][i]) /
            divisor;
        worst = std::max(worst, std::abs(truth - result[i]));
      }
      CHECK(worst < 1e-8);
      CHECK(run_merge(setup, {.threads = 4, .shuffle = 9}) == result);
    }
  }
}

TEST_CASE("merge: linear refuses weights that it cannot divide by") {
  MergeSetup setup{.method = "linear", .inputs = {{1}, {2}}, .values = {{1}, {-1}}};
  CHECK(!test::make_program(setup).has_value());
  setup.globals = {0};
  CHECK(run_merge(setup) == Floats{-1});
  setup.values = {{1}};
  CHECK(!test::make_program(setup).has_value());
}

}  // namespace shardwright
