// Runs the checks over prepared models: selects, collects, collapses repeats, orders.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "check/check.h"
#include "shardwright/finding.h"
#include "shardwright/result.h"

namespace shardwright {

struct CheckSelection {
  std::vector<std::string> select{};  // codes, names, or prefixes of codes; empty: all
  std::vector<std::string> ignore{};
  std::map<std::string, Severity> severity{};  // by code or name
};

// kInvalidArgument for a code, name or prefix that no check has, with the nearest one.
Status validate(const CheckSelection& selection);

// All findings of these models, sorted by model, file, place and code. The checkpoints that belong
// together (the inputs of a merge) are in one span; `check` passes each model alone.
std::vector<Finding> run_checks(std::span<const Model> models, const CheckSelection& selection);

}  // namespace shardwright
