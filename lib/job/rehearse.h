// A repair as it would come out, before a byte is written: each round of the plan is checked on the
// files to come, until a round finds nothing to do.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "job/check_model.h"
#include "repair/outcome.h"
#include "repair/plan.h"
#include "shardwright/repair_job.h"
#include "shardwright/result.h"

namespace shardwright {

struct Rehearsal {
  // The model as it is, and after each round. What the outcome reads from belongs to them.
  std::deque<CheckedModel> models{};
  std::vector<Plan> plans{};
  Outcome outcome{};
  std::vector<std::string> left{};  // fixes that are wanted and not applied at the end: why
  // The form or layout that was asked for, where the model's own flaws stand in its way: why.
  std::string denied{};
  std::vector<std::string> unsettled{};  // codes whose fixes still wanted changes at the end

  [[nodiscard]] const CheckedModel& before() const { return models.front(); }
  [[nodiscard]] const CheckedModel& after() const { return models.back(); }
};

// Checks with every tensor read, plans, and checks what would come of it. kIo where a tensor cannot
// be read, kInvalidArgument where a form or layout is asked for that such a model has not.
Result<Rehearsal> rehearse(Checkpoint checkpoint, std::shared_ptr<const Catalogue> catalogue,
                           const RepairOptions& options);

// The files of the checkpoint with the outcome, opened as `folder` shows them.
Result<Checkpoint> open_like(const Checkpoint& checkpoint, std::unique_ptr<Folder> folder,
                             const CheckOptions& options);

// How repair checks: every byte, every check.
CheckOptions full_check(const RepairOptions& options);

}  // namespace shardwright
