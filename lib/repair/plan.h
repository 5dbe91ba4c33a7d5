// Findings to a plan: which files change, tensor by tensor, and where each value comes from.
//
// One round. What a round uncovers is planned by the next (rehearse.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "check/check.h"
#include "repair/outcome.h"
#include "shardwright/finding.h"
#include "shardwright/repair_job.h"
#include "shardwright/result.h"

namespace shardwright {

struct PlanRequest {
  bool unsafe{};
  TieForm tie{};  // one that is asked for decides, and fixes that are about ties do not apply
  // Whether the fix of this finding may be applied at all (--select).
  std::function<bool(const Finding& finding)> wanted{};
};

// A tensor of a rewritten shard that has the bytes of a stored one.
struct Heir {
  std::string file{}, name{};  // to come
  const Tensor* stored{};
};

struct Plan {
  std::vector<PlanStep> steps{};  // by file, in the order of the findings
  std::vector<FileChange> changes{};
  std::vector<Heir> heirs{};
  std::vector<std::string> left{};   // fixes that were not applied although they were wanted: why
  std::vector<std::string> notes{};  // what the owner should look at
};

// The fixes that apply. The model's data was read whole, with digests. kUnsupported for a header
// that no reader would take. The model must outlive the plan.
Result<Plan> plan_fixes(const Model& model, const std::vector<Finding>& findings,
                        const PlanRequest& request);

// The ties of the model in this form, as far as they are not. kInvalidArgument where that cannot
// be: no rule, bytes that differ, damaged shards.
Result<Plan> plan_form(const Model& model, TieForm form);

// The checkpoint in another layout of its architecture. An empty plan where it has it already.
// kInvalidArgument where that cannot be, kMalformed where shards are damaged.
Result<Plan> plan_layout(const Model& model, const std::string& layout);

}  // namespace shardwright
