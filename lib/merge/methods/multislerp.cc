// y = (sum of w_i |v_i|) m / |m| with m = sum of w_i u_i and u_i = v_i / |v_i|. With a base,
// v_i = x_i - base, and the base is added again.
//
// As published, a step along the tangent at m follows: by the sum of w_i (u_i - (u_i . m) m). That
// sum is m less its part along m: always zero, so that only its rounding errors would be added.
#include <cmath>

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

Result<std::unique_ptr<MergeProgram>> make(const MergeCase& merge_case) {
  const auto members = others(merge_case);
  if (members.size() == 1) return make_copy(members[0]);
  std::vector<double> weights;
  double total = 0;
  for (const std::size_t i : members) {
    weights.push_back(merge_case.values[i][0]);
    total += weights.back();
  }
  if (merge_case.globals[0] != 0) {
    if (total == 0) {
      return Error{ErrorCode::kInvalidArgument,
                   "weight: the weights add up to 0, and normalize_weights divides by that"};
    }
    for (double& weight : weights)
      weight /= total;
  }
  return make_combination({.members = members, .origin = merge_case.base},
                          [weights = std::move(weights), epsilon = merge_case.globals[1]](
                              const Dots& dots, std::span<double> factors) {
                            multislerp(weights, epsilon, dots, factors);
                          });
}

constexpr ParameterRow kParameters[] = {
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
    .parameters = kParameters,
    .base = BaseRule::kOptional,
    .least_inputs = 1,
    .passes = 1,
    .make = make,
};

}  // namespace shardwright
