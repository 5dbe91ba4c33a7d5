// y = sin((1-t)a)/sin(a) x_0 + sin(ta)/sin(a) x_1, where a is the angle between the base x_0 and
// the other model x_1. (1-t) x_0 + t x_1 where the cosine of a is beyond 0.9995, as everybody has
// it.
#include <algorithm>
#include <cmath>

#include "merge/combination.h"

namespace shardwright {
namespace {

constexpr double kNearlyParallel = 0.9995;
constexpr double kLeastNorm = 1e-8;  // below, a vector counts as it is, not as a direction

void slerp(double t, const Dots& dots, std::span<double> factors) {
  const auto length = [&](std::size_t i) { return dots.norm(i) > kLeastNorm ? dots.norm(i) : 1; };
  const double cosine = std::clamp(dots.at(0, 1) / length(0) / length(1), -1.0, 1.0);
  factors[0] = 1 - t;
  factors[1] = t;
  if (!(std::abs(cosine) <= kNearlyParallel)) return;
  const double angle = std::acos(cosine);
  for (double& factor : factors)
    factor = std::sin(factor * angle) / std::sin(angle);
}

Result<std::unique_ptr<MergeProgram>> make_slerp(const MergeCase& merge_case) {
  if (merge_case.inputs == 1) return make_copy(0);
  const std::size_t base = merge_case.base.value_or(0);
  return make_combination({.members = {base, 1 - base}, .round_to = merge_case.round_to},
                          [t = merge_case.globals[0]](const Dots& dots, std::span<double> factors) {
                            slerp(t, dots, factors);
                          });
}

constexpr ParameterRow kSlerpParameters[] = {
    {.name = "t",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kNumber,
     .preset = std::nullopt,
     .least = 1,
     .most = 0,
     .about = "place between the base (0) and the other model (1)"},
};

}  // namespace

extern const Method kSlerp;
const Method kSlerp = {
    .name = "slerp",
    .summary = "the point on the arc between two models",
    .parameters = kSlerpParameters,
    .base = BaseRule::kInput,
    .least_inputs = 2,
    .most_inputs = 2,
    .passes = 1,
    .make = make_slerp,
};

}  // namespace shardwright
