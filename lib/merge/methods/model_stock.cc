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

Result<std::unique_ptr<MergeProgram>> make(const MergeCase& merge_case) {
  const auto members = others(merge_case);
  if (members.size() < 2) return make_copy(merge_case.base.value_or(0));
  return make_combination({.members = members,
                           .origin = merge_case.base,
                           .extent = merge_case.globals[0] != 0 ? Extent::kRows : Extent::kTensor,
                           .shape = {merge_case.shape.begin(), merge_case.shape.end()}},
                          model_stock);
}

constexpr ParameterRow kParameters[] = {
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
    .parameters = kParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 2,
    .passes = 1,
    .make = make,
};

}  // namespace shardwright
