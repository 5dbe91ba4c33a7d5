// model_stock, against its formula in double precision.
#include <cstddef>

#include <doctest/doctest.h>

#include "support/merge_run.h"
#include "unit/merge/vectors.h"

namespace shardwright::test {
namespace {

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
  CHECK(count_passes(rows) == 0);
  // Rows that are not held whole.
  rows.shape = {3, MergeProgram::kLongestRow + 77};
  rows.inputs = random_models(3, 3 * rows.shape[1], 12);
  agrees(rows, by_lines(wide(rows.inputs), 3, false, model_stock), 1e-6);
  CHECK(count_passes(rows) == 1);
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

}  // namespace shardwright::test
