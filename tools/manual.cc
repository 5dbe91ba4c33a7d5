#include "tools/manual.h"

#include <string_view>

#include <fmt/format.h>

#include "shardwright/version.h"
#include "tools/completion_words.h"

namespace shardwright {
namespace {

// Text for roff: a backslash, and a dash that is to be one when it is copied; lines that would be
// requests.
std::string roff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_start = c == '\n';
  }
  return out;
}

std::string roff_command(const Command& command) {
  std::string out =
      fmt::format(".SS shardwright {}\n{}.\n.PP\n.B shardwright {}\n{}\n", roff(command.name),
                  roff(command.summary), roff(command.name), roff(command.usage));
  if (!command.about.empty()) out += fmt::format(".PP\n{}\n", roff(command.about));
  for (const OptionFacts& option : all_options(command)) {
    out += fmt::format(".TP\n.B {}", roff(dashed_name(option.name)));
    out +=
        option.placeholder.empty() ? "\n" : fmt::format(" \\fI{}\\fR\n", roff(option.placeholder));
    out += roff(option.help) + "\n";
  }
  return out + fmt::format(".PP\nExamples:\n.PP\n.nf\n{}\n.fi\n", roff(command.examples));
}

}  // namespace

std::string manual_page(std::span<const Command* const> commands) {
  std::string out = fmt::format(
      ".\\\" Made by 'shardwright manual'.\n"
      ".TH SHARDWRIGHT 1 \"\" \"shardwright {}\" \"User Commands\"\n"
      ".SH NAME\n"
      "shardwright \\- check, repair, compare and merge model checkpoints\n"
      ".SH SYNOPSIS\n"
      ".B shardwright\n"
      ".I COMMAND\n"
      "[\\fIOPTIONS\\fR] \\fIARGS\\fR\n"
      ".SH DESCRIPTION\n"
      "Reads checkpoints in the form of the Hugging Face hub (config.json, safetensors shards, an "
      "index), says what is\n"
      "wrong with them, repairs what can be repaired without guessing, and merges models with the "
      "same checks before and\n"
      "after. It needs no Python and no network.\n"
      ".SH COMMANDS\n",
      roff(version()));
  for (const Command* command : commands)
    out += roff_command(*command);
  out +=
      ".SH EXIT STATUS\n"
      ".TP\n.B 0\nNothing was found at or above the threshold, or what was asked for is done.\n"
      ".TP\n.B 1\nFindings or differences are left.\n"
      ".TP\n.B 2\nThe work could not be done: a wrong command line, no such model, output that "
      "cannot be written.\n"
      ".TP\n.B 128 + N\nStopped by signal N; nothing was changed.\n"
      ".SH ENVIRONMENT\n"
      ".TP\n.B HF_HUB_CACHE, HF_HOME\nWhere the local cache of the hub is, in which hub ids are "
      "looked up.\n"
      ".TP\n.B NO_COLOR\nWhere it is set, nothing is coloured.\n"
      ".SH FILES\n"
      ".TP\n.I .shardwright.toml, .shardwright.json\n"
      "Beside a model: findings that\n.B shardwright check\nis not to count, with reasons.\n";
  return out;
}

}  // namespace shardwright
