// y = t avg(x_i) + (1-t) base with t = N c / (1 + (N-1) c), where c is the mean cosine of the
// angles between the N differences x_i - base.
#include <algorithm>
#include <cmath>

#include "merge/combination.h"
#include "merge/kernels.h"
#include "merge/rounded.h"

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

// As the peer computes it: the average is taken of the models, not of what they add to the base.
// Numbers: t and 1 - t.
class PeerModelStock final : public RoundedFormula {
 public:
  PeerModelStock(std::size_t models, DType dtype) : RoundedFormula(dtype), models_(models) {}

  [[nodiscard]] std::size_t spare_lines() const override { return 1; }

  [[nodiscard]] std::size_t sums(std::size_t stage,
                                 std::span<const float> /*numbers*/) const override {
    return stage == 0 ? Dots::packed_size(models_) : 0;
  }

  void gather(std::size_t /*stage*/, const RoundedRun& run, const Add& add) const override {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < models_; ++i) {
      for (std::size_t k = i; k < models_; ++k) {
        kernel::multiply(run.vectors[i], run.vectors[k], run.spare[0], run.count);
        if (k != i) run.steps.round(run.spare[0]);
        add(sum++, run.spare[0]);
      }
    }
  }

  void conclude(std::size_t /*stage*/, std::span<const double> sums,
                std::vector<float>& numbers) const override {
    const Dots dots(models_, sums);
    const auto count = static_cast<float>(models_);
    float sum = 0;
    for (std::size_t i = 0; i < models_; ++i) {
      for (std::size_t k = i + 1; k < models_; ++k) {
        const float lengths = std::max(rd(rd(dots.norm(i)) * rd(dots.norm(k))), rd(kLeastLengths));
        sum += std::clamp(rd(rd(dots.at(i, k)) / lengths), -1.0F, 1.0F);
      }
    }
    const float cosine = rd(sum / (count * (count - 1) / 2));
    const float divisor = rd(1 + rd((count - 1) * cosine));
    const float t = divisor == 0 ? 0 : rd(rd(count * cosine) / divisor);
    numbers.insert(numbers.end(), {t, rd(1 - t)});
  }

  void apply(const RoundedRun& run) const override {
    run.steps.add(run.members[0], run.members[1], run.result);
    for (std::size_t i = 2; i < models_; ++i)
      run.steps.add(run.result, run.members[i], run.result);
    run.steps.divide_by(run.result, static_cast<float>(models_), run.result);
    run.scale(run.result, 0, run.result);
    run.scale(run.base, 1, run.spare[0]);
    run.steps.add(run.result, run.spare[0], run.result);
  }

 private:
  std::size_t models_;
};

Result<std::unique_ptr<MergeProgram>> make_model_stock(const MergeCase& merge_case) {
  const auto members = others(merge_case);
  if (members.size() < 2) return make_copy(merge_case.base.value_or(0));
  CombinationCase combination{
      .members = members,
      .origin = merge_case.base,
      .extent = merge_case.globals[0] != 0 ? Extent::kRows : Extent::kTensor,
      .shape = {merge_case.shape.begin(), merge_case.shape.end()}};
  if (merge_case.round_to)
    return make_rounded(std::move(combination),
                        std::make_unique<PeerModelStock>(members.size(), *merge_case.round_to));
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
