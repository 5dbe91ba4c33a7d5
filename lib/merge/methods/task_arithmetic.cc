// Task arithmetic (Ilharco et al., 2022): the weighted sum of the differences, added to the base.
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_task_arithmetic(const MergeCase& merge_case) {
  return make_task_program(merge_case, task::rules(merge_case, false), nullptr);
}

constexpr ParameterRow kTaskArithmeticParameters[] = {
    task::int8_mask(),    task::normalize(false),
    task::rescale(false), task::lambda(),
    task::weight(),       task::density("taken for the peer's recipes; changes nothing"),
};

}  // namespace

extern const Method kTaskArithmetic;
const Method kTaskArithmetic = {
    .name = "task_arithmetic",
    .summary = "the weighted differences to a base, added to it",
    .parameters = kTaskArithmeticParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .passes = 0,
    .make = make_task_arithmetic,
};

}  // namespace shardwright
