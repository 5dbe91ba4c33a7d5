#include "tools/cmd_completion.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "report/words.h"
#include "tools/completion.h"
#include "tools/manual.h"

namespace shardwright {
namespace {

struct CompletionArguments {
  std::vector<std::string> shell{};
};

void declare(OptionSet& options, CompletionArguments& into) {
  options.arguments("shell (bash, zsh or fish)", into.shell, 1, 1);
}

Result<int> run_completion(std::span<const std::string> words, Terminal& terminal) {
  const auto arguments = parse_arguments<CompletionArguments>(declare, words);
  if (!arguments) return arguments.error();
  const std::string& shell = arguments->shell.front();
  if (shell == "bash") {
    terminal.print(bash_completion(command_table()));
  } else if (shell == "zsh") {
    terminal.print(zsh_completion(command_table()));
  } else if (shell == "fish") {
    terminal.print(fish_completion(command_table()));
  } else {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("completions are there for bash, zsh and fish, not for {}", shown(shell))};
  }
  return kExitClean;
}

struct ManualArguments {};
void declare_manual(OptionSet& /*options*/, ManualArguments& /*into*/) {}

Result<int> run_manual(std::span<const std::string> words, Terminal& terminal) {
  const auto arguments = parse_arguments<ManualArguments>(declare_manual, words);
  if (!arguments) return arguments.error();
  terminal.print(manual_page(command_table()));
  return kExitClean;
}

}  // namespace

constinit const Command kCompletionCommand{
    .name = "completion",
    .usage = "bash | zsh | fish",
    .summary = "print a script that completes command lines in a shell",
    .about = "An installation has the three where their shells look for them.",
    .examples =
        "  source <(shardwright completion bash)\n"
        "  shardwright completion zsh >\"${fpath[1]}/_shardwright\"\n"
        "  shardwright completion fish >~/.config/fish/completions/shardwright.fish",
    .options = options_of<CompletionArguments, declare>,
    .run = run_completion,
};

constinit const Command kManualCommand{
    .name = "manual",
    .usage = "",
    .summary = "print the manual page, for man",
    .about = "An installation has it where man looks for it.",
    .examples = "  shardwright manual | man -l -",
    .options = options_of<ManualArguments, declare_manual>,
    .run = run_manual,
};

}  // namespace shardwright
