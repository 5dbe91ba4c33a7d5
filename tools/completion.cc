#include "tools/completion.h"

#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/completion_words.h"

namespace shardwright {
namespace {

std::string header(std::string_view shell) {
  return fmt::format("made by 'shardwright completion {}': a newer version makes it anew", shell);
}

std::vector<std::string> command_names(std::span<const Command* const> commands) {
  std::vector<std::string> names;
  for (const Command* command : commands)
    names.emplace_back(command->name);
  return names;
}

std::string replaced(std::string_view text, std::string_view special, std::string_view prefix) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += prefix;
    out += c;
  }
  return out;
}

// Inside of single quotes, as bash and zsh have them.
std::string in_quotes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out;
}

// --- bash --------------------------------------------------------------------------------------

std::string bash_value_case(const Command& command, const OptionFacts& option) {
  const PlaceWords place = value_words(option);
  const std::string pattern = fmt::format("    '{} {}')", command.name, dashed_name(option.name));
  if (place.files) return pattern + " return ;;\n";
  if (place.words.empty()) return pattern + " compopt +o default; return ;;\n";
  return fmt::format(
      "{} compopt +o default; COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return ;;\n", pattern,
      fmt::join(place.words, " "));
}

std::string bash_command_case(const Command& command) {
  std::vector<std::string> options;
  for (const OptionFacts& option : all_options(command))
    options.push_back(dashed_name(option.name));
  return fmt::format("    {}) options='{}'; words='{}' ;;\n", command.name, fmt::join(options, " "),
                     fmt::join(argument_words(command).words, " "));
}

// --- zsh ---------------------------------------------------------------------------------------

std::string zsh_action(const PlaceWords& place) {
  if (place.files && place.words.empty()) return "_files";
  if (place.words.empty()) return " ";
  if (!place.files) return fmt::format("({})", fmt::join(place.words, " "));
  return fmt::format("{{compadd {}; _files}}", fmt::join(place.words, " "));
}

std::string zsh_option(const OptionFacts& option) {
  const std::string help = replaced(option.help, "[]:\\", "\\");
  std::string spec =
      fmt::format("{}{}[{}]", option.repeats ? "*" : "", dashed_name(option.name), help);
  if (!option.placeholder.empty())
    spec += fmt::format(":{}:{}", replaced(option.placeholder, ":\\", "\\"),
                        zsh_action(value_words(option)));
  return fmt::format("        '{}'", in_quotes(spec));
}

std::string zsh_command_case(const Command& command) {
  std::vector<std::string> specs;
  for (const OptionFacts& option : all_options(command))
    specs.push_back(zsh_option(option));
  specs.push_back(
      fmt::format("        '*:argument:{}'", in_quotes(zsh_action(argument_words(command)))));
  return fmt::format("    {})\n      _arguments -S \\\n{}\n      ;;\n", command.name,
                     fmt::join(specs, " \\\n"));
}

// --- fish --------------------------------------------------------------------------------------

// Inside of single quotes, where fish knows \' and \\.
std::string fish_text(std::string_view text) {
  return replaced(text, "'\\", "\\");
}

std::string fish_option(const Command& command, const OptionFacts& option) {
  std::string line = fmt::format(
      "complete -c shardwright -n '__fish_seen_subcommand_from {}' {} {} -d '{}'", command.name,
      option.name.size() == 1 ? "-s" : "-l", option.name, fish_text(option.help));
  if (option.placeholder.empty()) return line + "\n";
  const PlaceWords place = value_words(option);
  if (place.files) return line + " -r -F\n";
  line += " -x";
  if (!place.words.empty()) line += fmt::format(" -a '{}'", fmt::join(place.words, " "));
  return line + "\n";
}

std::string fish_command(const Command& command) {
  std::string out =
      fmt::format("complete -c shardwright -n __fish_use_subcommand -f -a {} -d '{}'\n",
                  command.name, fish_text(command.summary));
  for (const OptionFacts& option : all_options(command))
    out += fish_option(command, option);
  const PlaceWords place = argument_words(command);
  const std::string condition = fmt::format("-n '__fish_seen_subcommand_from {}'", command.name);
  if (!place.files) out += fmt::format("complete -c shardwright {} -f\n", condition);
  if (!place.words.empty())
    out +=
        fmt::format("complete -c shardwright {} -a '{}'\n", condition, fmt::join(place.words, " "));
  return out;
}

}  // namespace

std::string bash_completion(std::span<const Command* const> commands) {
  const std::vector<std::string> names = command_names(commands);
  std::string out = fmt::format("# bash completion of shardwright, {}\n", header("bash"));
  out +=
      "_shardwright() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} options= words=\n"
      "  COMPREPLY=()\n"
      "  # --format=json comes as three words.\n"
      "  if [[ $cur == '=' ]]; then\n"
      "    cur=\n"
      "  elif [[ $prev == '=' ]]; then\n"
      "    prev=${COMP_WORDS[COMP_CWORD-2]}\n"
      "  fi\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    compopt +o default\n";
  out += fmt::format("    COMPREPLY=($(compgen -W '{} help --help --version' -- \"$cur\"))\n",
                     fmt::join(names, " "));
  out +=
      "    return\n  fi\n"
      "  case \"${COMP_WORDS[1]} $prev\" in\n";
  for (const Command* command : commands) {
    for (const OptionFacts& option : command->options()) {
      if (!option.placeholder.empty()) out += bash_value_case(*command, option);
    }
  }
  out +=
      "  esac\n"
      "  case ${COMP_WORDS[1]} in\n";
  for (const Command* command : commands)
    out += bash_command_case(*command);
  out += fmt::format("    help) words='{}' ;;\n", fmt::join(names, " "));
  out +=
      "  esac\n"
      "  if [[ $cur == -* ]]; then\n"
      "    compopt +o default\n"
      "    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
      "  elif [[ $words ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "  fi\n"
      "}\n"
      "# Where nothing else is offered, files are.\n"
      "complete -o default -F _shardwright shardwright\n";
  return out;
}

std::string zsh_completion(std::span<const Command* const> commands) {
  std::string out = fmt::format("#compdef shardwright\n# {}\n", header("zsh"));
  out +=
      "_shardwright() {\n"
      "  local -a commands=(\n";
  for (const Command* command : commands) {
    out += fmt::format("    '{}:{}'\n", command->name,
                       in_quotes(replaced(command->summary, ":\\", "\\")));
  }
  out +=
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $command in\n";
  for (const Command* command : commands)
    out += zsh_command_case(*command);
  out +=
      "    help) _describe command commands ;;\n"
      "  esac\n"
      "}\n"
      "if [[ $funcstack[1] == _shardwright ]]; then\n"
      "  _shardwright \"$@\"\n"
      "else\n"
      "  compdef _shardwright shardwright\n"
      "fi\n";
  return out;
}

std::string fish_completion(std::span<const Command* const> commands) {
  std::string out = fmt::format("# fish completion of shardwright, {}\n", header("fish"));
  out +=
      "complete -c shardwright -n __fish_use_subcommand -f -l version\n"
      "complete -c shardwright -n __fish_use_subcommand -f -l help\n";
  for (const Command* command : commands)
    out += fish_command(*command);
  return out;
}

}  // namespace shardwright
