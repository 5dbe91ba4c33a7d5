// DELLA (Deep, Bhardwaj and Poria, 2024) without an election.
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_della_linear(const MergeCase& merge_case) {
  if (auto mistake = task::epsilon_mistake(merge_case)) return *mistake;
  return make_task_program(merge_case, task::rules(merge_case, false),
                           keep_ranked(merge_case, task_values(merge_case, task::kDensity),
                                       task_values(merge_case, task::kThird)));
}

constexpr ParameterRow kDellaLinearParameters[] = {
    task::int8_mask(),
    task::normalize(false),
    task::rescale(true),
    task::lambda(),
    task::weight(),
    task::density("mean probability with which a difference is kept"),
    task::share("epsilon", 0.15, "how far chances go below and above the density"),
};

}  // namespace

extern const Method kDellaLinear;
const Method kDellaLinear = {
    .name = "della_linear",
    .summary = "differences to a base, thinned by rank, added to it",
    .parameters = kDellaLinearParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .passes = 1,
    .make = make_della_linear,
    .draws = draws_of,
};

}  // namespace shardwright
