#include "unit/merge/vectors.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <random>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright::test {

std::vector<Floats> random_models(std::size_t number, std::size_t count, unsigned seed,
                                  float shared) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<Floats> all(number, Floats(count));
  for (std::size_t i = 0; i < count; ++i) {
    const float common = shared * normal(random);
    for (Floats& model : all)
      model[i] = common + 0.005F * normal(random);
  }
  return all;
}

Vector wide(const Floats& values) {
  return {values.begin(), values.end()};
}

Vectors wide(const std::vector<Floats>& inputs) {
  Vectors all;
  for (const Floats& input : inputs)
    all.push_back(wide(input));
  return all;
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

double norm(const Vector& a) {
  return std::sqrt(dot(a, a));
}

Vector plus(Vector a, double x, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    a[i] += x * b[i];
  return a;
}

Vector times(double x, Vector a) {
  for (double& value : a)
    value *= x;
  return a;
}

Vector by_lines(const Vectors& inputs, std::size_t rows, bool columns,
                const std::function<Vector(const Vectors&)>& f) {
  const std::size_t width = inputs[0].size() / rows;
  const std::size_t lines = columns ? width : rows;
  const std::size_t length = columns ? rows : width;
  const auto index = [&](std::size_t line, std::size_t i) {
    return columns ? i * width + line : line * width + i;
  };
  Vector result(inputs[0].size());
  for (std::size_t line = 0; line < lines; ++line) {
    Vectors parts;
    for (const Vector& input : inputs) {
      Vector& part = parts.emplace_back();
      for (std::size_t i = 0; i < length; ++i)
        part.push_back(input[index(line, i)]);
    }
    const Vector merged = f(parts);
    for (std::size_t i = 0; i < length; ++i)
      result[index(line, i)] = merged[i];
  }
  return result;
}

Vector arc(const Vector& a, const Vector& b, double t, double colinear) {
  // What has no direction stands at a right angle to all.
  const bool zero = norm(a) == 0 || norm(b) == 0;
  const double cosine = zero ? 0 : std::clamp(dot(a, b) / norm(a) / norm(b), -1.0, 1.0);
  if (std::abs(cosine) > colinear) return plus(times(1 - t, a), t, b);
  const double angle = std::acos(cosine);
  return plus(times(std::sin((1 - t) * angle) / std::sin(angle), a),
              std::sin(t * angle) / std::sin(angle), b);
}

double distance(const Floats& result, const Vector& truth) {
  REQUIRE(result.size() == truth.size());
  double worst = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double error = std::abs(static_cast<double>(result[i]) - truth[i]);
    worst = error <= worst ? worst : error;  // a NaN is an error, too
    if (std::isnan(error)) return error;
  }
  return worst;
}

void agrees(const MergeSetup& setup, const Vector& truth, double tolerance) {
  const Floats result = run_merge(setup);
  CHECK(distance(result, truth) <= tolerance);
  CHECK(run_merge(setup, {.threads = 4, .shuffle = 9}) == result);
  CHECK(run_merge(setup, {.threads = 2, .shuffle = 3}) == result);
  CHECK(distance(run_merge(setup, {.block = 4096}), truth) <= tolerance);
}

}  // namespace shardwright::test
