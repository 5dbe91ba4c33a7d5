// A command: a row of the table in commands.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shardwright/result.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/terminal.h"

namespace shardwright {

// What the process ends with. 128 + N: stopped by signal N. A crash is never one of these.
enum ExitCode : int {
  kExitClean = 0,
  kExitFindings = 1,  // something at or above the threshold is left
  kExitFailed = 2,    // the work could not be done
};

struct Command {
  std::string_view name;
  std::string_view usage;     // what follows the name
  std::string_view summary;   // one line
  std::string_view about;     // paragraphs of the help page
  std::string_view examples;  // command lines that can be pasted
  std::vector<OptionFacts> (*options)();
  Result<int> (*run)(std::span<const std::string> words, Terminal& terminal);
};

std::span<const Command* const> command_table();  // in the order of the help

// Runs a whole command line, without the program's name; what the process ends with.
int run_command_line(std::span<const std::string> words, Terminal& terminal);

// What every command takes.
struct CommonArguments {
  int threads{};
  std::string rules_dir{};
  bool quiet{};
  ProgressMode progress{};
};
void declare_common(OptionSet& options, CommonArguments& into);

// The pieces of a command whose arguments are a struct and a function that declares it.
template <typename Arguments>
using Declare = void (*)(OptionSet& options, Arguments& into);

template <typename Arguments, Declare<Arguments> declare>
std::vector<OptionFacts> options_of() {
  OptionSet options;
  Arguments unused;
  declare(options, unused);
  return options.facts();
}

template <typename Arguments>
Result<Arguments> parse_arguments(Declare<Arguments> declare, std::span<const std::string> words) {
  OptionSet options;
  Arguments arguments;
  declare(options, arguments);
  if (Status parsed = options.parse(words); !parsed) return std::move(parsed).error();
  return arguments;
}

}  // namespace shardwright
