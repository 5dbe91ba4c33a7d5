// DELLA (Deep, Bhardwaj and Poria, 2024) without an election.
#include <utility>

#include "base/try.h"
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_della_linear(const MergeCase& merge_case) {
  SW_TRY(auto kept, keep_ranked(merge_case));
  return make_task_program(merge_case, task::rules(merge_case, false), std::move(kept));
}

constexpr auto kDellaLinearParameters = task::ranked_rows(false);

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
