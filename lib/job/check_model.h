// One MODEL opened, understood and checked: what check, repair and the jobs after them start from.
#pragma once

#include <memory>
#include <string>

#include "arch/catalogue.h"
#include "check/check.h"
#include "check/engine.h"
#include "shardwright/check_job.h"
#include "shardwright/result.h"

namespace shardwright {

struct CheckedModel {
  std::shared_ptr<const Catalogue> catalogue{};  // owns what `model.detection` points to
  Model model{};
  ModelReport report{};
};

// The rules that the options name. kInvalidArgument or kIo where they cannot be had.
Result<std::shared_ptr<const Catalogue>> load_catalogue(const std::string& rules_dir);

// Opens and checks. An error where the model could not be opened, or the run was stopped.
Result<CheckedModel> check_model(const std::string& path,
                                 std::shared_ptr<const Catalogue> catalogue,
                                 const CheckOptions& options);

// The same for a checkpoint that is open already; `path` is for the report. Of `data` only what
// CheckOptions do not have counts: digests, and what is known already.
Result<CheckedModel> check_checkpoint(Checkpoint checkpoint, const std::string& path,
                                      std::shared_ptr<const Catalogue> catalogue,
                                      const CheckOptions& options, DataRequest data = {});

// Which checks run, and what becomes of their findings.
CheckSelection selection_of(const CheckOptions& options);

// How `check` opens checkpoints.
OpenOptions open_options(const CheckOptions& options);

}  // namespace shardwright
