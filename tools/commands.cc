#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "report/words.h"
#include "shardwright/version.h"
#include "tools/cmd_check.h"
#include "tools/cmd_completion.h"
#include "tools/cmd_diff.h"
#include "tools/cmd_experts.h"
#include "tools/cmd_explain.h"
#include "tools/cmd_inspect.h"
#include "tools/cmd_lora.h"
#include "tools/cmd_merge.h"
#include "tools/cmd_moe.h"
#include "tools/cmd_repair.h"
#include "tools/cmd_schema.h"
#include "tools/cmd_synth.h"
#include "tools/command.h"
#include "tools/signals.h"

namespace shardwright {
namespace {

constexpr std::array<const Command*, 13> kCommands = {
    &kCheckCommand, &kRepairCommand,     &kMergeCommand, &kMoeCommand,     &kExpertsCommand,
    &kLoraCommand,  &kInspectCommand,    &kDiffCommand,  &kExplainCommand, &kSchemaCommand,
    &kSynthCommand, &kCompletionCommand, &kManualCommand};

std::string overview() {
  std::string text =
      "shardwright says what is wrong with model checkpoints, and repairs what can be repaired\n"
      "without guessing.\n\n"
      "usage: shardwright COMMAND [OPTIONS] ARGS\n\n"
      "commands:\n";
  for (const Command* command : kCommands)
    text += fmt::format("  {:<12}{}\n", command->name, command->summary);
  text +=
      "\n  shardwright COMMAND --help   options and examples of a command\n"
      "  shardwright --version\n\n"
      "example:\n"
      "  shardwright check ./model\n"
      "  shardwright repair ./model --output ./repaired\n\n"
      "exit codes: 0 nothing found, 1 findings are left, 2 the work could not be done\n";
  return text;
}

std::string help_page(const Command& command) {
  std::string text =
      fmt::format("shardwright {}: {}\n\nusage: shardwright {}{}{}\n", command.name,
                  command.summary, command.name, command.usage.empty() ? "" : " ", command.usage);
  if (!command.about.empty()) text += fmt::format("\n{}\n", command.about);
  const std::string options = help_text(command.options());
  if (!options.empty()) text += "\noptions:\n" + options;
  text += fmt::format("\nexamples:\n{}\n", command.examples);
  return text;
}

bool wants_help(std::span<const std::string> words) {
  for (const std::string& word : words) {
    if (word == "--") return false;
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

const Command* find_command(std::string_view name) {
  const auto found = std::ranges::find(kCommands, name, &Command::name);
  return found == kCommands.end() ? nullptr : *found;
}

int finish(Terminal& terminal, int code) {
  const int error = terminal.flush();
  if (error == 0) return code;
  // A reader that has seen enough, such as `head`, is told nothing: the code says it.
  if (error != EPIPE) {
    terminal.complain("error: cannot write to standard output: " + errno_text(error));
  }
  return kExitFailed;
}

int usage_failure(Terminal& terminal, const std::string& message, std::string_view command) {
  terminal.complain("error: " + message);
  terminal.complain(command.empty() ? "see 'shardwright --help'"
                                    : fmt::format("see 'shardwright {} --help'", command));
  return kExitFailed;
}

}  // namespace

std::span<const Command* const> command_table() {
  return kCommands;
}

void declare_common(OptionSet& options, CommonArguments& into) {
  options.value("threads", "N", into.threads, "use at most N cores (default: all available)");
  options.value("rules-dir", "DIR", into.rules_dir, "add or replace architectures by DIR/*.json");
  options.choice("progress", {"auto", "plain", "none"}, into.progress,
                 "plain: a line a second, also where nobody watches");
  options.flag("quiet", into.quiet, "print findings only");
}

int run_command_line(std::span<const std::string> words, Terminal& terminal) {
  if (words.empty()) {
    terminal.print(overview());
    return finish(terminal, kExitFailed);
  }
  const std::string& name = words.front();
  if (name == "--version") {
    terminal.print(fmt::format("shardwright {}\n", version()));
    return finish(terminal, kExitClean);
  }
  const bool help_command = name == "help";
  if (name == "--help" || name == "-h" || (help_command && words.size() == 1)) {
    terminal.print(overview());
    return finish(terminal, kExitClean);
  }
  const std::string& wanted = help_command ? words[1] : name;
  const Command* command = find_command(wanted);
  if (command == nullptr) {
    std::vector<std::string_view> names;
    for (const Command* known : kCommands)
      names.push_back(known->name);
    return usage_failure(
        terminal,
        fmt::format("unknown {} {}{}", wanted.starts_with('-') ? "option" : "command",
                    shown(wanted), did_you_mean(wanted, names)),
        {});
  }
  const auto rest = words.subspan(1);
  if (help_command || wants_help(rest)) {
    terminal.print(help_page(*command));
    return finish(terminal, kExitClean);
  }
  Result<int> code = command->run(rest, terminal);
  if (code) return finish(terminal, *code);
  if (code.error().code == ErrorCode::kInterrupted && caught_signal() != 0) {
    (void)terminal.flush();
    const std::string& message = code.error().message;
    terminal.complain(message.starts_with("interrupted") ? message : "interrupted");
    return 128 + caught_signal();
  }
  (void)terminal.flush();
  if (code.error().code == ErrorCode::kInvalidArgument) {
    return usage_failure(terminal, code.error().message, command->name);
  }
  terminal.complain("error: " + code.error().message);
  return kExitFailed;
}

}  // namespace shardwright
