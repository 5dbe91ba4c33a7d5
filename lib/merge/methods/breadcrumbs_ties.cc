// Breadcrumbs (Davari and Belilovsky, 2023), then the election of TIES.
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_breadcrumbs_ties(const MergeCase& merge_case) {
  return make_task_program(merge_case, task::rules(merge_case, true), keep_middle(merge_case));
}

constexpr auto kBreadcrumbsTiesParameters = task::middle_rows();

}  // namespace

extern const Method kBreadcrumbsTies;
const Method kBreadcrumbsTies = {
    .name = "breadcrumbs_ties",
    .summary =
        "differences to a base without the largest and smallest, where most agree on the sign",
    .parameters = kBreadcrumbsTiesParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .passes = 2,
    .make = make_breadcrumbs_ties,
};

}  // namespace shardwright
