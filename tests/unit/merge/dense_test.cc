// The methods that look at all elements, against their formulas in double precision on whole
// vectors.
#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "merge/kernels.h"
#include "support/merge_run.h"
#include "tensor/convert.h"

namespace shardwright {
namespace {

using test::Floats;
using test::make_program;
using test::MergeSetup;
using test::run_merge;

using Vector = std::vector<double>;
using Vectors = std::vector<Vector>;

constexpr double kTolerance = 2e-8;  // a few units in the last place of these floats

// Vectors that have `shared` of their size in common, as fine-tuned models have.
std::vector<Floats> random_models(std::size_t number, std::size_t count, unsigned seed,
                                  float shared = 0.02F) {
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

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}
double norm(const Vector& a) {
  return std::sqrt(dot(a, a));
}
// a + x b.
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

// The result is near the truth, and the same for any order of the work.
void agrees(const MergeSetup& setup, const Vector& truth, double tolerance = kTolerance) {
  const Floats result = run_merge(setup);
  CHECK(distance(result, truth) <= tolerance);
  CHECK(run_merge(setup, {.threads = 4, .shuffle = 9}) == result);
  CHECK(run_merge(setup, {.threads = 2, .shuffle = 3}) == result);
  CHECK(distance(run_merge(setup, {.block = 4096}), truth) <= tolerance);
}

constexpr std::size_t kDenseCounts[] = {1, 15, 4097, 100'000};

Vector arc(const Vector& a, const Vector& b, double t, double colinear) {
  // What has no direction stands at a right angle to all.
  const bool zero = norm(a) == 0 || norm(b) == 0;
  const double cosine = zero ? 0 : std::clamp(dot(a, b) / norm(a) / norm(b), -1.0, 1.0);
  if (std::abs(cosine) > colinear) return plus(times(1 - t, a), t, b);
  const double angle = std::acos(cosine);
  return plus(times(std::sin((1 - t) * angle) / std::sin(angle), a),
              std::sin(t * angle) / std::sin(angle), b);
}

// f on each row, or each column, of a matrix.
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

Vectors wide(const std::vector<Floats>& inputs) {
  Vectors all;
  for (const Floats& input : inputs)
    all.push_back(wide(input));
  return all;
}

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

Vector model_stock(const Vectors& x) {  // the base first
  const auto n = static_cast<double>(x.size() - 1);
  double cosine = 0;
  Vector average(x[0].size());
  for (std::size_t i = 1; i < x.size(); ++i) {
    average = plus(average, 1 / n, x[i]);
    for (std::size_t k = i + 1; k < x.size(); ++k) {
      const Vector a = plus(x[i], -1, x[0]);
      const Vector b = plus(x[k], -1, x[0]);
      if (norm(a) * norm(b) != 0) cosine += dot(a, b) / norm(a) / norm(b) / (n * (n - 1) / 2);
    }
  }
  const double t = n * cosine / (1 + (n - 1) * cosine);
  return plus(times(t, average), 1 - t, x[0]);
}

}  // namespace

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
    CHECK(test::count_passes(setup) == 0);
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

TEST_CASE("merge: model_stock lies between the base and the average") {
  for (const std::size_t count : kDenseCounts) {
    if (count == 1) continue;
    for (const std::size_t number : {3U, 5U}) {
      const MergeSetup setup{
          .method = "model_stock", .inputs = random_models(number, count, 10), .base = 0};
      agrees(setup, model_stock(wide(setup.inputs)), 1e-7);
    }
  }
  MergeSetup rows{
      .method = "model_stock", .shape = {21, 97}, .inputs = random_models(3, 21 * 97, 11)};
  rows.base = 0;
  rows.globals = {1};
  agrees(rows, by_lines(wide(rows.inputs), 21, false, model_stock), 1e-6);
  CHECK(test::count_passes(rows) == 0);
  // Rows that are not held whole.
  rows.shape = {3, MergeProgram::kLongestRow + 77};
  rows.inputs = random_models(3, 3 * rows.shape[1], 12);
  agrees(rows, by_lines(wide(rows.inputs), 3, false, model_stock), 1e-6);
  CHECK(test::count_passes(rows) == 1);
}

TEST_CASE("merge: model_stock keeps the base where nothing or the opposite is learned") {
  MergeSetup setup{.method = "model_stock", .inputs = random_models(3, 30, 12), .base = 0};
  for (std::size_t i = 0; i < 30; ++i)
    setup.inputs[0][i] = static_cast<float>(i);
  const Vector base = wide(setup.inputs[0]);
  setup.inputs[1] = setup.inputs[2] = setup.inputs[0];
  agrees(setup, base, 0);
  for (std::size_t i = 0; i < 30; ++i) {
    setup.inputs[1][i] += 1;
    setup.inputs[2][i] -= 1;
  }
  agrees(setup, base, 0);
  setup.inputs[2] = setup.inputs[1];  // full agreement: the average
  agrees(setup, wide(setup.inputs[1]), 1e-5);
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

TEST_CASE("merge: arcee_fusion takes what has changed most, by exact quartiles") {
  struct Case {
    std::uint64_t rows, width;
  };
  for (const Case& shape : {Case{1, 1}, Case{3, 5}, Case{17, 241}, Case{1000, 100}, Case{2, 9001},
                            Case{3, MergeProgram::kLongestRow + 77}}) {
    MergeSetup setup{.method = "arcee_fusion", .shape = {shape.rows, shape.width}, .base = 1};
    setup.inputs = random_models(2, shape.rows * shape.width, 17);
    const std::size_t count = setup.inputs[0].size();
    Vector importance;
    for (std::size_t row = 0; row < count; row += shape.width) {
      const auto softmax = [&](const Floats& values) {
        Vector p;
        double sum = 0;
        for (std::size_t i = 0; i < shape.width; ++i)
          sum += std::exp(static_cast<double>(values[row + i]));
        for (std::size_t i = 0; i < shape.width; ++i)
          p.push_back(std::exp(static_cast<double>(values[row + i])) / sum + 1e-8);
        return p;
      };
      const Vector p = softmax(setup.inputs[0]);
      const Vector q = softmax(setup.inputs[1]);
      double divergence = 0;
      for (std::size_t i = 0; i < shape.width; ++i)
        divergence += p[i] * std::log(p[i] / q[i]);
      for (std::size_t i = row; i < row + shape.width; ++i) {
        importance.push_back(divergence * std::abs(static_cast<double>(setup.inputs[0][i]) -
                                                   static_cast<double>(setup.inputs[1][i])));
      }
    }
    Vector sorted = importance;
    std::ranges::sort(sorted);
    const auto quantile = [&](double q) {
      return sorted[static_cast<std::size_t>(q * static_cast<double>(count - 1))];
    };
    const double threshold = quantile(0.5) + 1.5 * (quantile(0.75) - quantile(0.25));
    const Floats result = run_merge(setup);
    std::size_t taken = 0;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const bool take = importance[i] >= threshold;
      taken += take ? 1 : 0;
      // At the threshold itself the last bit of an importance may decide.
      if (std::abs(importance[i] - threshold) <= 1e-5 * threshold) continue;
      if (result[i] != setup.inputs[take ? 0 : 1][i]) ++wrong;
    }
    CHECK(wrong == 0);
    if (count > 100) {
      CHECK(taken > count / 100);
      CHECK(taken < count / 5);
    }
    CHECK(run_merge(setup, {.threads = 4, .shuffle = 9}) == result);
    CHECK(run_merge(setup, {.threads = 2, .shuffle = 3, .block = 4096}) == result);
    CHECK(test::count_passes(setup) == (shape.width > MergeProgram::kLongestRow ? 5 : 3));
  }
}

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

// As the peer has it: the divergence of a row of x from that of the base, in BF16.
float bf16_divergence(const float* x, const float* base, std::size_t count) {
  const auto rd = [](float value) { return kernel::rounded_to(DType::kBF16, value); };
  const auto softmax = [&](const float* row) {
    const float most = *std::max_element(row, row + count);
    Floats shares;
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double power = std::exp(static_cast<double>(row[i] - most));
      sum += power;
      shares.push_back(static_cast<float>(power));
    }
    const float factor = 1 / static_cast<float>(sum);
    for (float& share : shares)
      share = rd(rd(share * factor) + rd(1e-8F));
    return shares;
  };
  const Floats p = softmax(x);
  const Floats q = softmax(base);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto ratio = static_cast<double>(rd(p[i] / q[i]));
    sum += static_cast<double>(rd(p[i] * rd(static_cast<float>(std::log(ratio)))));
  }
  return rd(static_cast<float>(sum));
}

TEST_CASE("merge: with a dtype to round to, arcee_fusion takes the peer's steps") {
  const auto rd = [](float value) { return kernel::rounded_to(DType::kBF16, value); };
  for (const std::size_t width : {std::size_t{300}, MergeProgram::kLongestRow + 100}) {
    CAPTURE(width);
    MergeSetup setup{.method = "arcee_fusion",
                     .shape = {4, width},
                     .inputs = random_models(2, 4 * width, 22, 1)};
    setup.base = 0;
    setup.round_to = DType::kBF16;
    for (Floats& input : setup.inputs)
      kernel::round_to(DType::kBF16, input.data(), input.size());
    const Floats& base = setup.inputs[0];
    const Floats& x = setup.inputs[1];
    Floats divergences;
    for (std::size_t row = 0; row < base.size(); row += width)
      divergences.push_back(bf16_divergence(&x[row], &base[row], width));
    Floats importance;
    for (std::size_t i = 0; i < base.size(); ++i)
      importance.push_back(rd(std::abs(rd(x[i] - base[i])) * divergences[i / width]));
    Floats sorted = importance;
    std::ranges::sort(sorted);
    const auto quartile = [&](std::size_t i) { return sorted[(sorted.size() - 1) * i / 4]; };
    const float threshold = rd(quartile(2) + rd(1.5F * rd(quartile(3) - quartile(1))));
    Floats expected;
    for (std::size_t i = 0; i < base.size(); ++i)
      expected.push_back(importance[i] >= threshold ? base[i] + rd(x[i] - base[i]) : base[i]);
    CHECK(expected != base);
    CHECK(run_merge(setup) == expected);
    CHECK(run_merge(setup, {.threads = 4, .shuffle = 9}) == expected);
  }
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
  const int passes = test::count_passes(setup);
  CHECK(passes >= 3);  // lengths, the mean's, cosines
  CHECK(passes <= 5);
  CHECK(distance(run_merge(setup), wide(setup.inputs[0])) < 1e-2);

  setup.inputs.assign(3, Floats(100));
  CHECK(run_merge(setup) == Floats(100));
  CHECK(test::count_passes(setup) == 1);
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

TEST_CASE("merge: a NaN of an input stays where it is, or spreads over what it was measured in") {
  constexpr std::size_t kPlace = 70;
  for (const Method* method : method_table()) {
    CAPTURE(method->name);
    MergeSetup setup{.method = method->name};
    const std::size_t number = method->most_inputs == 1 && method->base == BaseRule::kNone ? 1 : 3;
    setup.inputs = random_models(method->base == BaseRule::kInput || method->most_inputs == 1
                                     ? std::min<std::size_t>(number, 2)
                                     : number,
                                 200, 16);
    if (method->base != BaseRule::kNone) setup.base = 0;
    for (std::size_t i = 0; i < setup.inputs.size(); ++i) {
      auto& row = setup.values.emplace_back();
      const bool weighed = std::ranges::any_of(method->parameters, [](const ParameterRow& p) {
        return p.scope == ParameterScope::kInput;
      });
      if (i != setup.base && weighed) row = {0.5};
    }
    for (const ParameterRow& row : method->parameters) {
      if (row.scope == ParameterScope::kGlobal) setup.globals.push_back(row.preset.value_or(0.5));
    }
    setup.inputs.back()[kPlace] = std::numeric_limits<float>::quiet_NaN();
    CHECK(std::isnan(run_merge(setup)[kPlace]));
  }
}

}  // namespace shardwright
