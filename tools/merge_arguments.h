// Options of the commands that make a model of others: `merge` and `moe`, as mergekit's programs
// have them.
#pragma once

#include <deque>
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

// A flag that means nothing here: it is taken, and noted by settle().
void declare_idle(OptionSet& options, MergeArguments& into, const std::string& name,
                  const std::string& value);

// Options that `lora` shares.
void declare_written(OptionSet& options, MergeOptions& into);

// Makes one set of options of what was given, and notes on standard error what means nothing.
void settle(MergeArguments& arguments, Terminal& terminal);

// Prints what became of a merge, and gives the exit code of it.
int tell_merge(const MergeReport& report, const MergeOptions& options, bool json, bool quiet,
               Terminal& terminal);

// The same of a result that may be an error, which whoever reads JSON finds there, too.
Result<int> tell_result(const Result<MergeReport>& report, const MergeArguments& arguments,
                        Terminal& terminal);

}  // namespace shardwright
