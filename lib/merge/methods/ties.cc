// TIES (Yadav et al., 2023): trim to the largest differences, elect a sign, add those that have it.
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_ties(const MergeCase& merge_case) {
  return make_task_program(merge_case, task::rules(merge_case, true), keep_largest(merge_case));
}

constexpr ParameterRow kTiesParameters[] = {
    task::int8_mask(),    task::normalize(true),
    task::rescale(false), task::lambda(),
    task::weight(),       task::density("share of the differences that is kept, the largest"),
};

}  // namespace

extern const Method kTies;
const Method kTies = {
    .name = "ties",
    .summary = "the largest differences to a base, where most agree on the sign",
    .parameters = kTiesParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .passes = 2,
    .make = make_ties,
};

}  // namespace shardwright
