// arcee_fusion, against its formula in double precision, and in the steps of its peer.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <doctest/doctest.h>

#include "merge/kernels.h"
#include "support/merge_run.h"
#include "unit/merge/vectors.h"

namespace shardwright::test {
namespace {

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

}  // namespace

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
    CHECK(count_passes(setup) == (shape.width > MergeProgram::kLongestRow ? 5 : 3));
  }
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

}  // namespace shardwright::test
