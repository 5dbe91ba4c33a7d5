// Breadcrumbs (Davari and Belilovsky, 2023), then the election of TIES.
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_breadcrumbs_ties(const MergeCase& merge_case) {
  return make_task_program(merge_case, task::rules(merge_case, true),
                           keep_middle(merge_case, task_values(merge_case, task::kDensity),
                                       task_values(merge_case, task::kThird)));
}

constexpr ParameterRow kBreadcrumbsTiesParameters[] = {
    task::int8_mask(),
    task::normalize(false),
    task::rescale(false),
    task::lambda(),
    task::weight(),
    task::density("share of the differences that is kept"),
    task::share("gamma", 0.01, "share of the largest differences that is dropped"),
};

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
