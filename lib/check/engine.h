// Runs the checks over prepared models: selects, collects, collapses repeats, orders.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "check/check.h"
#include "shardwright/check_job.h"
#include "shardwright/finding.h"
#include "shardwright/result.h"

namespace shardwright {

struct CheckSelection {
  std::vector<std::string> select{};  // codes, names, or prefixes of codes; empty: all
  std::vector<std::string> ignore{};
  std::map<std::string, Severity> severity{};  // by code or name
  std::vector<IgnoreRule> ignores{};           // the first that fits counts
  bool ignores_errors{true};
};

// Whether a code, name or prefix means the check of that code.
bool selects(std::string_view word, std::string_view code);

// kInvalidArgument for a code, name or prefix that no check has, with the nearest one.
Status validate(const CheckSelection& selection);

// All findings of a model, sorted by file, place and code; those that a rule ignores say so.
std::vector<Finding> run_checks(const Model& model, const CheckSelection& selection);

// What the inputs of a merge are to each other. Their messages name the models.
std::vector<Finding> run_checks_across(Inputs inputs, const CheckSelection& selection);

}  // namespace shardwright
