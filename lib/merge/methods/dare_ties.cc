// DARE (Yu et al., 2023), then the election of TIES.
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_dare_ties(const MergeCase& merge_case) {
  return make_task_program(merge_case, task::rules(merge_case, true), keep_random(merge_case));
}

constexpr auto kDareTiesParameters = task::random_rows();

}  // namespace

extern const Method kDareTies;
const Method kDareTies = {
    .name = "dare_ties",
    .summary = "differences to a base, thinned at random, where most agree on the sign",
    .parameters = kDareTiesParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .passes = 1,
    .make = make_dare_ties,
    .draws = draws_of,
};

}  // namespace shardwright
