// y = scale x.
#include <cmath>

#include "merge/combination.h"
#include "merge/steps.h"

namespace shardwright {
namespace {

class Scaled final : public MergeProgram {
 public:
  Scaled(float factor, std::optional<DType> round_to) : factor_(factor), round_to_(round_to) {}
  void apply(const Chunk& chunk, float* result) const override {
    Steps(round_to_, chunk.count).scale(chunk.inputs[0], factor_, result);
  }

 private:
  float factor_;
  std::optional<DType> round_to_;
};

bool is_unscaled(const MergeCase& merge_case) {
  const double factor = merge_case.values[0][0];
  return std::isnan(factor) || factor == 1;
}

Result<std::unique_ptr<MergeProgram>> make_passthrough(const MergeCase& merge_case) {
  if (is_unscaled(merge_case)) return make_copy(0);
  return make_program<Scaled>(static_cast<float>(merge_case.values[0][0]), merge_case.round_to);
}

constexpr ParameterRow kPassthroughParameters[] = {
    {.name = "scale",
     .scope = ParameterScope::kInput,
     .kind = ParameterKind::kNumber,
     .preset = 1,
     .least = 1,
     .most = 0,
     .about = "factor of the tensor"},
};

}  // namespace

extern const Method kPassthrough;
const Method kPassthrough = {
    .name = "passthrough",
    .summary = "the tensors of one model, scaled where asked for",
    .parameters = kPassthroughParameters,
    .base = BaseRule::kNone,
    .least_inputs = 1,
    .most_inputs = 1,
    .passes = 0,
    .make = make_passthrough,
    .is_copy = is_unscaled,
};

}  // namespace shardwright
