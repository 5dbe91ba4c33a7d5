// The methods that go along arcs between directions, against their formulas in double precision on
// whole vectors.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include <doctest/doctest.h>

#include "support/merge_run.h"
#include "unit/merge/vectors.h"

namespace shardwright::test {
namespace {

// As published, with the step along the tangent.
Vector multislerp(const Vectors& x, const Vector& weights) {
  constexpr double kEps = 1e-8;
  Vectors units;
  Vector mean(x[0].size());
  double length = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    units.push_back(times(1 / (norm(x[i]) + kEps), x[i]));
    mean = plus(mean, weights[i], units[i]);
    length += weights[i] * norm(x[i]);
  }
  mean = times(1 / norm(mean), mean);
  Vector tangent(mean.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    tangent = plus(tangent, weights[i], plus(units[i], -dot(units[i], mean), mean));
  const double angle = norm(tangent) + kEps;
  return times(length, plus(times(std::cos(angle), mean), std::sin(angle) / angle, tangent));
}

Vector karcher(const Vectors& x, int steps, double tolerance) {
  Vectors units;
  double length = 0;
  for (const Vector& v : x) {
    length += norm(v) / static_cast<double>(x.size());
    if (norm(v) > tolerance) units.push_back(times(1 / norm(v), v));
  }
  if (units.empty()) return Vector(x[0].size());
  const double share = 1 / static_cast<double>(units.size());
  Vector mean(x[0].size());
  for (const Vector& unit : units)
    mean = plus(mean, share, unit);
  mean = norm(mean) < tolerance ? units[0] : times(1 / norm(mean), mean);
  for (int i = 0; i < steps; ++i) {
    Vector tangent(mean.size());
    for (const Vector& unit : units) {
      const double cosine = std::clamp(dot(mean, unit), -1.0, 1.0);
      const double angle = std::acos(cosine);
      if (angle < tolerance) continue;
      tangent = plus(tangent, share * angle / std::sin(angle), plus(unit, -cosine, mean));
    }
    const double walk = norm(tangent);
    if (walk < tolerance) break;
    mean = plus(times(std::cos(walk), mean), std::sin(walk) / walk, tangent);
    mean = times(1 / norm(mean), mean);
  }
  return times(length, mean);
}

}  // namespace

TEST_CASE("merge: slerp goes along the arc from the base") {
  for (const std::size_t count : kDenseCounts) {
    for (const std::size_t base : {0U, 1U}) {
      for (const double t : {0.0, 0.3, 1.0}) {
        MergeSetup setup{.method = "slerp", .inputs = random_models(2, count, 2), .base = base};
        setup.globals = {t};
        const Vectors x = wide(setup.inputs);
        agrees(setup, arc(x[base], x[1 - base], t, 0.9995));
      }
    }
  }
}

TEST_CASE("merge: slerp is a straight line where there is no arc") {
  MergeSetup setup{
      .method = "slerp", .inputs = random_models(2, 100, 3), .base = 0, .globals = {0.25}};
  const Vectors x = wide(setup.inputs);
  setup.inputs[1] = Floats(100, 0);
  agrees(setup, arc(x[0], Vector(100), 0.25, 0.9995));
  setup.inputs[1] = setup.inputs[0];
  agrees(setup, x[0]);
  for (std::size_t i = 0; i < 100; ++i)
    setup.inputs[1][i] = -2 * setup.inputs[0][i];
  agrees(setup, times(0.25, x[0]));
  setup.inputs.pop_back();
  agrees(setup, x[0], 0);
}

TEST_CASE("merge: nuslerp goes along the arc of tensors, rows or columns, from a base or not") {
  for (const bool based : {false, true}) {
    MergeSetup setup{.method = "nuslerp", .inputs = random_models(based ? 3 : 2, 33 * 301, 4)};
    if (based) setup.base = 1;
    setup.values = {{0.9}, {0.3}};
    if (based) setup.values = {{0.9}, {}, {0.3}};
    setup.shape = {33, 301};
    const auto merged = [&](const Vectors& x) {
      if (!based) return arc(x[0], x[1], 0.25, 1);
      return plus(arc(plus(x[0], -1, x[1]), plus(x[2], -1, x[1]), 0.25, 1), 1, x[1]);
    };
    const Vectors x = wide(setup.inputs);
    setup.globals = {0, 1};
    agrees(setup, merged(x));
    setup.globals = {0, 0};
    agrees(setup, by_lines(x, 33, false, merged));
    CHECK(count_passes(setup) == 0);
    setup.globals = {1, 0};
    agrees(setup, by_lines(x, 33, true, merged));
    setup.shape = {33, 7, 43};
    agrees(setup, by_lines(x, 33, true, merged));
    setup.globals = {0, 0};
    agrees(setup, by_lines(x, 33 * 7, false, merged));
    setup.shape = {33 * 301};
    agrees(setup, merged(x));
  }
}

TEST_CASE("merge: nuslerp halves the way where weights cancel, and meets zeros and equals") {
  MergeSetup setup{.method = "nuslerp", .inputs = random_models(2, 50, 5), .values = {{1}, {-1}}};
  Vectors x = wide(setup.inputs);
  agrees(setup, arc(x[0], x[1], 0.5, 1));
  setup.values = {{1}, {3}};
  setup.inputs[1] = setup.inputs[0];
  agrees(setup, x[0]);
  setup.inputs[0] = Floats(50, 0);
  setup.inputs[1] = Floats(50, 0);
  agrees(setup, Vector(50), 0);
}

TEST_CASE("merge: multislerp is the mean direction at the mean length") {
  for (const std::size_t count : kDenseCounts) {
    for (const bool based : {false, true}) {
      MergeSetup setup{.method = "multislerp", .inputs = random_models(4, count, 6)};
      setup.values = {{0.5}, {0.2}, {0.2}, {0.7}};
      if (based) setup.base = 3;
      Vectors x = wide(setup.inputs);
      Vector truth;
      if (based) {
        for (std::size_t i = 0; i < 3; ++i)
          x[i] = plus(x[i], -1, x[3]);
        truth = plus(multislerp({x[0], x[1], x[2]}, {0.5 / 0.9, 0.2 / 0.9, 0.2 / 0.9}), 1, x[3]);
      } else {
        truth = multislerp(x, {0.5 / 1.6, 0.2 / 1.6, 0.2 / 1.6, 0.7 / 1.6});
      }
      // On a line, where directions are signs, a mean may all but vanish.
      agrees(setup, truth, count == 1 ? 1e-7 : kTolerance);
    }
  }
}

TEST_CASE("merge: multislerp adds what is left where directions cancel") {
  MergeSetup setup{.method = "multislerp", .inputs = random_models(4, 60, 7), .base = 0};
  setup.values = {{}, {1}, {1}, {1}};
  for (std::size_t i = 1; i < 4; ++i)
    setup.inputs[i] = setup.inputs[0];  // nobody has changed the base
  agrees(setup, wide(setup.inputs[0]), 0);
  setup.globals = {1};
  setup.values = {{}, {1}, {-1}, {0}};
  CHECK(make_program(setup).error().message.starts_with("weight: "));
  setup.inputs.resize(2);
  setup.values.resize(2);
  setup.inputs[1][7] = 4;
  agrees(setup, wide(setup.inputs[1]), 0);  // one model is taken as it is
}

TEST_CASE("merge: karcher is the mean on the sphere") {
  for (const std::size_t count : kDenseCounts) {
    for (const float shared : {0.02F, 0.0F}) {
      const MergeSetup setup{.method = "karcher", .inputs = random_models(3, count, 8, shared)};
      agrees(setup, karcher(wide(setup.inputs), 10, 1e-5));
    }
  }
}

TEST_CASE("merge: karcher meets zeros, opposites, equals and one model") {
  MergeSetup setup{.method = "karcher", .inputs = random_models(3, 40, 9)};
  setup.inputs[1] = Floats(40, 0);
  agrees(setup, karcher(wide(setup.inputs), 10, 1e-5));
  setup.inputs[2] = Floats(40, 0);
  setup.inputs[0] = Floats(40, 0);
  agrees(setup, Vector(40), 0);
  setup.inputs = random_models(1, 40, 9);
  agrees(setup, wide(setup.inputs[0]), 0);
  setup.inputs.push_back(setup.inputs[0]);
  agrees(setup, wide(setup.inputs[0]));
  for (float& value : setup.inputs[1])
    value = -value;
  // From the first: the other is at the far end, where every way is as long.
  CHECK(!std::isnan(run_merge(setup)[0]));
}

}  // namespace shardwright::test
