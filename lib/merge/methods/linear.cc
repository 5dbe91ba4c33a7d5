// y = sum of w_i x_i, divided by the sum of w_i where `normalize` is set.
#include <cmath>

#include "merge/kernels.h"
#include "merge/method.h"

namespace shardwright {
namespace {

class Linear final : public MergeProgram {
 public:
  Linear(std::vector<float> weights, float divisor, std::optional<DType> round_to)
      : weights_(std::move(weights)), divisor_(divisor), round_to_(round_to) {}

  void apply(const Chunk& chunk, float* result) const override {
    kernel::weighted_sum(chunk.inputs, weights_, result, chunk.count);
    if (divisor_ != 1) kernel::divide_by(result, divisor_, result, chunk.count);
    if (round_to_) kernel::round_to(*round_to_, result, chunk.count);
  }

 private:
  std::vector<float> weights_;
  float divisor_;
  std::optional<DType> round_to_;  // the peer rounds at the end, too
};

Result<std::unique_ptr<MergeProgram>> make_linear(const MergeCase& merge_case) {
  const bool normalize = merge_case.globals[0] != 0;
  std::vector<float> weights;
  float total = 0;
  for (const auto& row : merge_case.values) {
    if (std::isnan(row[0]))
      return Error{ErrorCode::kInvalidArgument, "weight: the base is merged, too, and has none"};
    weights.push_back(static_cast<float>(row[0]));
    total += weights.back();
  }
  if (normalize && total == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "weight: the weights add up to 0, and normalize divides by that"};
  }
  return make_program<Linear>(std::move(weights), normalize ? total : 1, merge_case.round_to);
}

constexpr ParameterRow kLinearParameters[] = {
    {.name = "normalize",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kFlag,
     .preset = 1,
     .least = 0,
     .most = 1,
     .about = "divide by the sum of the weights"},
    {.name = "weight",
     .scope = ParameterScope::kInput,
     .kind = ParameterKind::kNumber,
     .preset = std::nullopt,
     .least = 1,
     .most = 0,
     .about = "factor of the model"},
};

}  // namespace

extern const Method kLinear;
const Method kLinear = {
    .name = "linear",
    .summary = "the weighted average of all models",
    .parameters = kLinearParameters,
    .base = BaseRule::kNone,
    .least_inputs = 1,
    .make = make_linear,
};

}  // namespace shardwright
