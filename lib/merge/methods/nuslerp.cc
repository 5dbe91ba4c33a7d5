// y = sin((1-t)a)/sin(a) v_0 + sin(ta)/sin(a) v_1, where a is the angle between v_0 and v_1, and
// t = w_1 / (w_0 + w_1). With a base, v_i = x_i - base, and the base is added again.
#include <algorithm>
#include <cmath>

#include "merge/combination.h"

namespace shardwright {
namespace {

constexpr double kLeastLength = 1e-7;
constexpr double kLeastWeight = 1e-6;
constexpr double kColinear = 1e-16;  // of the squared sine

void nuslerp(double t, const Dots& dots, std::span<double> factors) {
  const auto length = [&](std::size_t i) { return std::max(dots.norm(i), kLeastLength); };
  const double cosine = std::clamp(dots.at(0, 1) / length(0) / length(1), -1.0, 1.0);
  factors[0] = 1 - t;
  factors[1] = t;
  if (!(1 - cosine * cosine > kColinear)) return;
  const double angle = std::acos(cosine);
  for (double& factor : factors)
    factor = std::sin(factor * angle) / std::sin(angle);
}

// The sines of both parts and of the whole angle.
Rounded peer_nuslerp(double t, DType dtype) {
  const auto rd = [dtype](double value) { return rounded(dtype, value); };
  const auto set = [t, rd](const Dots& dots, std::span<double> factors) {
    const auto length = [&](std::size_t i) { return std::max(rd(dots.norm(i)), kLeastLength); };
    const double cosine = std::clamp(rd(dots.at(0, 1) / length(0) / length(1)), -1.0, 1.0);
    const bool colinear = rd(1 - rd(cosine * cosine)) <= kColinear;
    const double angle = rd(std::acos(cosine));
    factors[0] = colinear ? 1 - t : rd(std::sin(rd((1 - t) * angle)));
    factors[1] = colinear ? t : rd(std::sin(rd(t * angle)));
    factors[2] = colinear ? 1 : rd(std::sin(angle));
  };
  const auto apply = [](const RoundedRun& run) {
    const auto factor = [&](std::size_t i) { return static_cast<float>(run.factors[i]); };
    run.steps.scale(run.vectors[0], factor(0), run.result);
    run.steps.scale(run.vectors[1], factor(1), run.spare[0]);
    run.steps.add(run.result, run.spare[0], run.result);
    run.steps.divide_by(run.result, factor(2), run.result);
    if (run.base != nullptr) run.steps.add(run.base, run.result, run.result);
  };
  return {.dtype = dtype, .factors = 3, .set = set, .apply = apply};
}

Result<std::unique_ptr<MergeProgram>> make_nuslerp(const MergeCase& merge_case) {
  const auto members = others(merge_case);
  if (members.size() == 1) return make_copy(members[0]);
  const double first = merge_case.values[members[0]][0];
  const double total = first + merge_case.values[members[1]][0];
  const double t = std::abs(total) < kLeastWeight ? 0.5 : (total - first) / total;
  const bool columns = merge_case.globals[0] != 0;
  const bool flatten = merge_case.globals[1] != 0;
  CombinationCase combination{.members = members,
                              .origin = merge_case.base,
                              .extent = flatten   ? Extent::kTensor
                                        : columns ? Extent::kColumns
                                                  : Extent::kRows,
                              .shape = {merge_case.shape.begin(), merge_case.shape.end()}};
  if (merge_case.round_to && combination.extent != Extent::kColumns)
    return make_rounded(std::move(combination), peer_nuslerp(t, *merge_case.round_to));
  return make_combination(std::move(combination), [t](const Dots& dots, std::span<double> factors) {
    nuslerp(t, dots, factors);
  });
}

constexpr ParameterRow kNuslerpParameters[] = {
    {.name = "nuslerp_row_wise",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kFlag,
     .preset = 0,
     .least = 0,
     .most = 1,
     .about = "vectors are columns rather than rows, where nuslerp_flatten is false"},
    {.name = "nuslerp_flatten",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kFlag,
     .preset = 1,
     .least = 0,
     .most = 1,
     .about = "the whole tensor is one vector"},
    {.name = "weight",
     .scope = ParameterScope::kInput,
     .kind = ParameterKind::kNumber,
     .preset = std::nullopt,
     .least = 1,
     .most = 0,
     .about = "share of the model"},
};

}  // namespace

extern const Method kNuslerp;
const Method kNuslerp = {
    .name = "nuslerp",
    .summary = "the point on the arc between two models, or between what they add to a base",
    .parameters = kNuslerpParameters,
    .base = BaseRule::kOptional,
    .least_inputs = 2,
    .most_inputs = 2,
    .passes = 1,
    .make = make_nuslerp,
};

}  // namespace shardwright
