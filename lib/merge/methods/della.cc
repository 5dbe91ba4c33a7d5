// DELLA (Deep, Bhardwaj and Poria, 2024): small differences dropped more often, then the election
// of TIES.
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_della(const MergeCase& merge_case) {
  if (auto mistake = task::epsilon_mistake(merge_case)) return *mistake;
  return make_task_program(merge_case, task::rules(merge_case, true),
                           keep_ranked(merge_case, task_values(merge_case, task::kDensity),
                                       task_values(merge_case, task::kThird)));
}

constexpr ParameterRow kDellaParameters[] = {
    task::int8_mask(),
    task::normalize(true),
    task::rescale(true),
    task::lambda(),
    task::weight(),
    task::density("mean probability with which a difference is kept"),
    task::share("epsilon", 0.15, "how far chances go below and above the density"),
};

}  // namespace

extern const Method kDella;
const Method kDella = {
    .name = "della",
    .summary = "differences to a base, thinned by rank, where most agree on the sign",
    .parameters = kDellaParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .passes = 1,
    .make = make_della,
    .draws = draws_of,
};

}  // namespace shardwright
