// y = (sum of w_i |v_i|) m / |m| with m = sum of w_i u_i and u_i = v_i / |v_i|. With a base,
// v_i = x_i - base, and the base is added again.
//
// As published, a step along the tangent at m follows: by the sum of w_i (u_i - (u_i . m) m). That
// sum is m less its part along m: always zero, so that only its rounding errors would be added.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "merge/combination.h"
#include "merge/kernels.h"
#include "merge/rounded.h"

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

// As the peer computes it, with a step along the tangent at m that is made of roundings. Numbers of
// n vectors: their lengths, and that of the result; the length of m, or 0 where they cancel; the
// parts of the vectors along m; the sine of the step's length over that length, and its cosine.
class PeerMultislerp final : public RoundedFormula {
 public:
  PeerMultislerp(std::span<const double> weights, bool normalize, double epsilon, DType dtype)
      : RoundedFormula(dtype), epsilon_(epsilon) {
    double total = 0;
    for (const double weight : weights)
      total += static_cast<double>(weights_.emplace_back(rd(weight)));
    for (float& weight : weights_)
      weight = normalize ? rd(weight / rd(total)) : weight;
  }

  [[nodiscard]] std::size_t spare_lines() const override { return 4; }

  [[nodiscard]] std::size_t sums(std::size_t stage, std::span<const float> numbers) const override {
    if (stage > 1 && numbers[mean_length()] == 0) return 0;
    return stage == 0 || stage == 2 ? size() : stage < 4 ? 1 : 0;
  }

  void gather(std::size_t stage, const RoundedRun& run, const Add& add) const override {
    if (stage == 0) {
      run.add_squares(run.vectors, add);
      return;
    }
    float* const mean = run.spare[0];
    const std::array<const float*, 1> line = {stage == 1 ? mean : run.spare[1]};
    weigh(run, true);
    if (stage == 1) {
      run.add_squares(line, add);
      return;
    }
    run.divide(mean, mean_length(), mean);
    if (stage == 3) {
      find_tangent(run);
      run.add_squares(line, add);
      return;
    }
    for (std::size_t i = 0; i < size(); ++i) {
      run.divide(run.vectors[i], i, run.spare[2]);
      run.steps.multiply(run.spare[2], mean, run.spare[2]);
      add(i, run.spare[2]);
    }
  }

  void conclude(std::size_t stage, std::span<const double> sums,
                std::vector<float>& numbers) const override {
    if (stage == 0) {
      float length = 0;
      for (std::size_t i = 0; i < size(); ++i) {
        const float own = rd(std::sqrt(sums[i]));
        const float divisor = rd(own + epsilon_);
        numbers.push_back(divisor == 0 ? 1 : divisor);  // in F16, of zeros: NaN there
        length += rd(own * weights_[i]);
      }
      numbers.push_back(rd(length));
    } else if (stage == 1) {
      const float length = rd(std::sqrt(sums[0]));
      numbers.push_back(length < epsilon_ ? 0 : length);
    } else if (stage == 2) {
      for (const double sum : sums)
        numbers.push_back(rd(sum));
    } else {
      const double length = rd(rd(std::sqrt(sums[0])) + epsilon_);
      numbers.insert(numbers.end(), {rd(rd(std::sin(length)) / length), rd(std::cos(length))});
    }
  }

  void apply(const RoundedRun& run) const override {
    float* const mean = run.spare[0];
    float* const tangent = run.spare[1];
    const bool cancelled = run.number(mean_length()) == 0;
    weigh(run, !cancelled);
    if (!cancelled) {
      run.divide(mean, mean_length(), mean);
      find_tangent(run);
      const std::size_t sine = mean_length() + 1 + size();
      run.scale(mean, sine + 1, mean);
      run.scale(tangent, sine, tangent);
      run.steps.add(mean, tangent, mean);
      run.scale(mean, size(), mean);
    }
    std::copy_n(mean, run.count, run.result);
    if (run.base != nullptr) run.steps.add(run.result, run.base, run.result);
  }

 private:
  [[nodiscard]] std::size_t size() const { return weights_.size(); }
  [[nodiscard]] std::size_t mean_length() const { return size() + 1; }

  // The weighted sum of the vectors, or of their directions, into line 0.
  void weigh(const RoundedRun& run, bool directions) const {
    float* const part = run.spare[2];
    std::fill_n(run.spare[0], run.count, 0.0F);
    for (std::size_t i = 0; i < size(); ++i) {
      const float* x = run.vectors[i];
      if (directions) {
        run.divide(x, i, part);
        x = part;
      }
      run.steps.scale(x, weights_[i], part);
      kernel::add(run.spare[0], part, run.spare[0], run.count);
    }
    run.steps.round(run.spare[0]);
  }

  // What the directions have beside m, which line 0 holds, into line 1.
  void find_tangent(const RoundedRun& run) const {
    float* const tangent = run.spare[1];
    float* const part = run.spare[2];
    float* const along = run.spare[3];
    std::fill_n(tangent, run.count, 0.0F);
    for (std::size_t i = 0; i < size(); ++i) {
      run.divide(run.vectors[i], i, part);
      run.scale(run.spare[0], mean_length() + 1 + i, along);
      run.steps.subtract(part, along, part);
      run.steps.scale(part, weights_[i], part);
      kernel::add(tangent, part, tangent, run.count);
    }
    run.steps.round(tangent);
  }

  std::vector<float> weights_;
  double epsilon_;
};

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
    return make_rounded(
        std::move(combination),
        std::make_unique<PeerMultislerp>(weights, normalize, epsilon, *merge_case.round_to));
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
