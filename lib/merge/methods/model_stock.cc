// y = t avg(x_i) + (1-t) base with t = N c / (1 + (N-1) c), where c is the mean cosine of the
// angles between the N differences x_i - base.
#include <algorithm>
#include <cmath>

#include "merge/combination.h"

namespace shardwright {
namespace {

constexpr double kSingular = 1e-6;

void model_stock(const Dots& dots, std::span<double> factors) {
  const std::size_t n = dots.size();
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = i + 1; k < n; ++k) {
      const double lengths = dots.norm(i) * dots.norm(k);
      if (lengths != 0) sum += std::clamp(dots.at(i, k) / lengths, -1.0, 1.0);
    }
  }
  const auto count = static_cast<double>(n);
  const double cosine = sum / (count * (count - 1) / 2);
  const double divisor = 1 + (count - 1) * cosine;
  const double t = std::abs(divisor) < kSingular ? 0 : count * cosine / divisor;
  std::ranges::fill(factors, t / count);
}

constexpr double kLeastLengths = 1e-6;  // the peer's least product of lengths

// t and 1 - t. The average is taken of the models, not of what they add to the base.
Rounded peer_model_stock(DType dtype) {
  const auto rd = [dtype](double value) { return rounded(dtype, value); };
  const auto set = [rd](const Dots& dots, std::span<double> factors) {
    const auto count = static_cast<double>(dots.size());
    double sum = 0;
    for (std::size_t i = 0; i < dots.size(); ++i) {
      for (std::size_t k = i + 1; k < dots.size(); ++k) {
        const double lengths = std::max(rd(rd(dots.norm(i)) * rd(dots.norm(k))), kLeastLengths);
        sum += std::clamp(rd(rd(dots.at(i, k)) / lengths), -1.0, 1.0);
      }
    }
    const double cosine = rd(sum / (count * (count - 1) / 2));
    const double divisor = rd(1 + rd((count - 1) * cosine));
    factors[0] = std::abs(divisor) < kSingular ? 0 : rd(rd(count * cosine) / divisor);
    factors[1] = rd(1 - factors[0]);
  };
  const auto apply = [](const RoundedRun& run) {
    const auto factor = [&](std::size_t i) { return static_cast<float>(run.factors[i]); };
    run.steps.add(run.members[0], run.members[1], run.result);
    for (std::size_t i = 2; i < run.members.size(); ++i)
      run.steps.add(run.result, run.members[i], run.result);
    run.steps.divide_by(run.result, static_cast<float>(run.members.size()), run.result);
    run.steps.scale(run.result, factor(0), run.result);
    run.steps.scale(run.base, factor(1), run.spare[0]);
    run.steps.add(run.result, run.spare[0], run.result);
  };
  return {.dtype = dtype, .factors = 2, .set = set, .apply = apply};
}

Result<std::unique_ptr<MergeProgram>> make_model_stock(const MergeCase& merge_case) {
  const auto members = others(merge_case);
  if (members.size() < 2) return make_copy(merge_case.base.value_or(0));
  CombinationCase combination{
      .members = members,
      .origin = merge_case.base,
      .extent = merge_case.globals[0] != 0 ? Extent::kRows : Extent::kTensor,
      .shape = {merge_case.shape.begin(), merge_case.shape.end()}};
  if (merge_case.round_to)
    return make_rounded(std::move(combination), peer_model_stock(*merge_case.round_to));
  return make_combination(std::move(combination), model_stock);
}

constexpr ParameterRow kModelStockParameters[] = {
    {.name = "filter_wise",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kFlag,
     .preset = 0,
     .least = 0,
     .most = 1,
     .about = "a t for each row rather than for the whole tensor"},
};

}  // namespace

extern const Method kModelStock;
const Method kModelStock = {
    .name = "model_stock",
    .summary =
        "between the base and the average of the others, the nearer to it the more they agree",
    .parameters = kModelStockParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 2,
    .passes = 1,
    .make = make_model_stock,
};

}  // namespace shardwright
