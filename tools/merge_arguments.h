// Options of the commands that make a model of others: `merge` and `moe`, as mergekit's programs
// have them.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "shardwright/merge_job.h"
#include "tools/command.h"
#include "tools/values.h"

namespace shardwright {

struct MergeArguments {
  CommonArguments common{};
  MergeOptions options{};
  std::vector<std::string> names{};  // RECIPE and OUT
  bool json{};
  bool no_card{};
  bool no_tokenizer{};
  bool crimes{};
  std::string hub_cache{};
  struct IdleOption {
    std::string name{};
    bool given{};
  };
  std::deque<IdleOption> idle{};  // that mean nothing here
};

void declare_merge(OptionSet& options, MergeArguments& into);

// A flag that means nothing here: it is taken, and noted by run_merge_job().
void declare_idle(OptionSet& options, MergeArguments& into, const std::string& name,
                  const std::string& value);

// Options that `lora` and `experts` share.
void declare_written(OptionSet& options, MergeOptions& into);

// And those that are of every result but an adapter's.
void declare_result(OptionSet& options, MergeArguments& into);

// Prints what became of a merge, and gives the exit code of it.
int tell_merge(const MergeReport& report, const MergeOptions& options, bool json, bool quiet,
               Terminal& terminal);

// Makes one set of options of what was given, notes on standard error what means nothing, runs the
// job with progress, and tells what became of it; whoever reads JSON finds an error there, too.
using MergeJob = std::function<Result<MergeReport>(const std::string& recipe, const MergeOptions&)>;
Result<int> run_merge_job(MergeArguments& arguments, Terminal& terminal, const MergeJob& job);

}  // namespace shardwright
