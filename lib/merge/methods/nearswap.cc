// y = w x + (1-w) base with w = t / |base - x|, within 0 and 1: the other model where the two are
// near each other, and the base where they are not.
#include "merge/combination.h"
#include "merge/scratch.h"
#include "merge/steps.h"

namespace shardwright {
namespace {

constexpr float kLeastDistance = 1e-6F;

class Nearswap final : public MergeProgram {
 public:
  Nearswap(std::size_t base, std::size_t other, float t, std::optional<DType> round_to)
      : base_(base), other_(other), t_(t), round_to_(round_to) {}

  void apply(const Chunk& chunk, float* result) const override {
    const Steps steps(round_to_, chunk.count);
    const Scratch room(2, chunk.count);
    const float* base = chunk.inputs[base_];
    const float* x = chunk.inputs[other_];
    float* weight = room[0];
    steps.subtract(base, x, weight);
    kernel::absolute(weight, weight, chunk.count);
    steps.at_least(weight, kLeastDistance, weight);
    steps.divide_into(t_, weight, weight);
    steps.at_least(weight, 0, weight);
    steps.at_most(weight, 1, weight);
    float* rest = room[1];
    steps.subtract_from(1, weight, rest);
    steps.multiply(rest, base, rest);
    steps.multiply(weight, x, weight);
    steps.add(weight, rest, result);
  }

 private:
  std::size_t base_, other_;
  float t_;
  std::optional<DType> round_to_;
};

Result<std::unique_ptr<MergeProgram>> make_nearswap(const MergeCase& merge_case) {
  if (merge_case.inputs == 1) return make_copy(0);
  const std::size_t base = merge_case.base.value_or(0);
  return make_program<Nearswap>(base, 1 - base, static_cast<float>(merge_case.globals[0]),
                                merge_case.round_to);
}

constexpr ParameterRow kNearswapParameters[] = {
    {.name = "t",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kNumber,
     .preset = std::nullopt,
     .least = 0,
     .most = 1e6,
     .about = "distance up to which the other model is taken"},
};

}  // namespace

extern const Method kNearswap;
const Method kNearswap = {
    .name = "nearswap",
    .summary = "the base, moved towards the other model by t at most",
    .parameters = kNearswapParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .most_inputs = 1,
    .passes = 0,
    .make = make_nearswap,
};

}  // namespace shardwright
