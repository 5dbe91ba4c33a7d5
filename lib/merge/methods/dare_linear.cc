// DARE (Yu et al., 2023): differences dropped at random and the rest made larger, then added.
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_dare_linear(const MergeCase& merge_case) {
  return make_task_program(merge_case, task::rules(merge_case, false), keep_random(merge_case));
}

constexpr auto kDareLinearParameters = task::random_rows();

}  // namespace

extern const Method kDareLinear;
const Method kDareLinear = {
    .name = "dare_linear",
    .summary = "differences to a base, thinned at random, added to it",
    .parameters = kDareLinearParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .passes = 1,
    .make = make_dare_linear,
    .draws = draws_of,
};

}  // namespace shardwright
