// y = (sum of w_i |v_i|) m / |m| with m = sum of w_i u_i and u_i = v_i / |v_i|. With a base,
// v_i = x_i - base, and the base is added again.
//
// As published, a step along the tangent at m follows: by the sum of w_i (u_i - (u_i . m) m). That
// sum is m less its part along m: always zero, so that only its rounding errors would be added.
#include <algorithm>
#include <vector>

#include "merge/combination.h"

namespace shardwright {
namespace {

void multislerp(std::span<const double> weights, double epsilon, const Dots& dots,
                std::span<double> factors) {
  double length = 0;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    factors[i] = weights[i] / (dots.norm(i) + epsilon);
    length += weights[i] * dots.norm(i);
  }
  const double mean = dots.norm(factors);
  for (std::size_t i = 0; i < factors.size(); ++i)
    factors[i] = mean > epsilon ? factors[i] * length / mean : weights[i];
}

// For each vector its weight, its length, and its part along m; then the lengths of m and of y.
// The step along the tangent is taken: it is made of roundings, and so short that its sine and
// cosine round to its length and to 1.
Rounded peer_multislerp(std::vector<double> weights, double epsilon, DType dtype) {
  const auto rd = [dtype](double value) { return rounded(dtype, value); };
  const std::size_t n = weights.size();
  const auto set = [weights = std::move(weights), epsilon, n, rd](const Dots& dots,
                                                                  std::span<double> factors) {
    std::vector<double> mean(n);
    double length = 0;
    for (std::size_t i = 0; i < n; ++i) {
      factors[i] = weights[i];
      factors[n + i] = rd(rd(dots.norm(i)) + epsilon);
      mean[i] = weights[i] / factors[n + i];
      length += rd(rd(dots.norm(i)) * weights[i]);
    }
    const double norm = dots.norm(mean);
    for (std::size_t i = 0; i < n; ++i)
      factors[2 * n + i] = rd(dots.dot(i, mean) / rd(norm) / factors[n + i]);
    factors[3 * n] = norm < epsilon ? 0 : rd(norm);
    factors[3 * n + 1] = rd(length);
  };
  const auto apply = [n](const RoundedRun& run) {
    const auto factor = [&](std::size_t i) { return static_cast<float>(run.factors[i]); };
    const bool cancelled = factor(3 * n) == 0;
    float* mean = run.spare[0];
    float* tangent = run.spare[1];
    float* part = run.spare[2];
    std::fill_n(mean, run.count, 0.0F);
    for (std::size_t i = 0; i < n; ++i) {
      run.steps.divide_by(run.vectors[i], cancelled ? 1 : factor(n + i), part);
      run.steps.scale(part, factor(i), part);
      kernel::add(mean, part, mean, run.count);
    }
    run.steps.round(mean);
    if (!cancelled) {
      run.steps.divide_by(mean, factor(3 * n), mean);
      std::fill_n(tangent, run.count, 0.0F);
      for (std::size_t i = 0; i < n; ++i) {
        run.steps.divide_by(run.vectors[i], factor(n + i), part);
        run.steps.scale(mean, factor(2 * n + i), run.result);
        run.steps.subtract(part, run.result, part);
        run.steps.scale(part, factor(i), part);
        kernel::add(tangent, part, tangent, run.count);
      }
      run.steps.round(tangent);
      run.steps.add(mean, tangent, mean);
      run.steps.scale(mean, factor(3 * n + 1), mean);
    }
    std::copy_n(mean, run.count, run.result);
    if (run.base != nullptr) run.steps.add(run.result, run.base, run.result);
  };
  return {.dtype = dtype, .factors = 3 * n + 2, .set = set, .apply = apply};
}

// As the peer has them: rounded before they are divided by their sum, and after.
void round_weights(std::vector<double>& weights, bool normalize, DType dtype) {
  double total = 0;
  for (double& weight : weights)
    total += weight = rounded(dtype, weight);
  for (double& weight : weights)
    weight = normalize ? rounded(dtype, weight / rounded(dtype, total)) : weight;
}

Result<std::unique_ptr<MergeProgram>> make_multislerp(const MergeCase& merge_case) {
  const auto members = others(merge_case);
  if (members.size() == 1) return make_copy(members[0]);
  std::vector<double> weights;
  double total = 0;
  for (const std::size_t i : members) {
    weights.push_back(merge_case.values[i][0]);
    total += weights.back();
  }
  const bool normalize = merge_case.globals[0] != 0;
  const double epsilon = merge_case.globals[1];
  if (normalize && total == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "weight: the weights add up to 0, and normalize_weights divides by that"};
  }
  CombinationCase combination{.members = members, .origin = merge_case.base};
  if (merge_case.round_to) {
    round_weights(weights, normalize, *merge_case.round_to);
    return make_rounded(std::move(combination),
                        peer_multislerp(std::move(weights), epsilon, *merge_case.round_to));
  }
  for (double& weight : weights)
    weight /= normalize ? total : 1;
  return make_combination(std::move(combination), [weights = std::move(weights), epsilon](
                                                      const Dots& dots, std::span<double> factors) {
    multislerp(weights, epsilon, dots, factors);
  });
}

constexpr ParameterRow kMultislerpParameters[] = {
    {.name = "normalize_weights",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kFlag,
     .preset = 1,
     .least = 0,
     .most = 1,
     .about = "divide the weights by their sum"},
    {.name = "eps",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kNumber,
     .preset = 1e-8,
     .least = 0,
     .most = 1,
     .about = "added to the length of each vector, and the least length of their mean"},
    {.name = "weight",
     .scope = ParameterScope::kInput,
     .kind = ParameterKind::kNumber,
     .preset = std::nullopt,
     .least = 1,
     .most = 0,
     .about = "share of the model"},
};

}  // namespace

extern const Method kMultislerp;
const Method kMultislerp = {
    .name = "multislerp",
    .summary = "the weighted mean direction of all models, at their mean length",
    .parameters = kMultislerpParameters,
    .base = BaseRule::kOptional,
    .least_inputs = 1,
    .passes = 1,
    .make = make_multislerp,
};

}  // namespace shardwright
