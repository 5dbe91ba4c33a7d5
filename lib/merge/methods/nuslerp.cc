// y = sin((1-t)a)/sin(a) v_0 + sin(ta)/sin(a) v_1, where a is the angle between v_0 and v_1, and
// t = w_1 / (w_0 + w_1). With a base, v_i = x_i - base, and the base is added again.
#include <algorithm>
#include <cmath>

#include "merge/combination.h"
#include "merge/rounded.h"

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

// As the peer computes it. Numbers: both lengths; then the sines of both parts and of the angle.
class PeerNuslerp final : public RoundedFormula {
 public:
  PeerNuslerp(double t, DType dtype) : RoundedFormula(dtype), t_(t) {}

  [[nodiscard]] std::size_t spare_lines() const override { return 2; }

  [[nodiscard]] std::size_t sums(std::size_t stage,
                                 std::span<const float> /*numbers*/) const override {
    return stage == 0 ? 2 : stage == 1 ? 1 : 0;
  }

  void gather(std::size_t stage, const RoundedRun& run, const Add& add) const override {
    if (stage == 0) {
      run.add_squares(run.vectors, add);
      return;
    }
    run.divide(run.vectors[0], 0, run.spare[0]);
    run.divide(run.vectors[1], 1, run.spare[1]);
    run.steps.multiply(run.spare[0], run.spare[1], run.spare[0]);
    add(0, run.spare[0]);
  }

  void conclude(std::size_t stage, std::span<const double> sums,
                std::vector<float>& numbers) const override {
    if (stage == 0) {
      for (const double sum : sums)
        numbers.push_back(std::max(rd(std::sqrt(sum)), rd(kLeastLength)));
      return;
    }
    const float cosine = std::clamp(rd(sums[0]), -1.0F, 1.0F);
    const bool colinear = static_cast<double>(rd(1 - rd(cosine * cosine))) <= kColinear;
    const float angle = rd(std::acos(cosine));
    for (const double part : {1 - t_, t_}) {
      const auto share = static_cast<float>(part);
      numbers.push_back(colinear ? share : rd(std::sin(rd(share * angle))));
    }
    numbers.push_back(colinear ? 1 : rd(std::sin(angle)));
  }

  void apply(const RoundedRun& run) const override {
    run.scale(run.vectors[0], 2, run.spare[0]);
    run.scale(run.vectors[1], 3, run.spare[1]);
    run.steps.add(run.spare[0], run.spare[1], run.result);
    run.divide(run.result, 4, run.result);
    if (run.base != nullptr) run.steps.add(run.base, run.result, run.result);
  }

 private:
  double t_;
};

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
  if (merge_case.round_to) {
    return make_rounded(std::move(combination),
                        std::make_unique<PeerNuslerp>(t, *merge_case.round_to));
  }
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
