// Breadcrumbs (Davari and Belilovsky, 2023): neither the largest differences nor the smallest.
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_breadcrumbs(const MergeCase& merge_case) {
  return make_task_program(merge_case, task::rules(merge_case, false), keep_middle(merge_case));
}

constexpr auto kBreadcrumbsParameters = task::middle_rows();

}  // namespace

extern const Method kBreadcrumbs;
const Method kBreadcrumbs = {
    .name = "breadcrumbs",
    .summary = "differences to a base without the largest and smallest, added to it",
    .parameters = kBreadcrumbsParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .passes = 2,
    .make = make_breadcrumbs,
};

}  // namespace shardwright
