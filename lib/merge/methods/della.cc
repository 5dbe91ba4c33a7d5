// DELLA (Deep, Bhardwaj and Poria, 2024): small differences dropped more often, then the election
// of TIES.
#include <utility>

#include "base/try.h"
#include "merge/sparsifiers.h"

namespace shardwright {
namespace {

Result<std::unique_ptr<MergeProgram>> make_della(const MergeCase& merge_case) {
  SW_TRY(auto kept, keep_ranked(merge_case));
  return make_task_program(merge_case, task::rules(merge_case, true), std::move(kept));
}

constexpr auto kDellaParameters = task::ranked_rows(true);

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
