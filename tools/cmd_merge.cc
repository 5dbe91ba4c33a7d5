#include "tools/cmd_merge.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "report/words.h"
#include "shardwright/merge_job.h"
#include "shardwright/report.h"
#include "tools/values.h"

namespace shardwright {
namespace {

// Flags of mergekit-yaml that mean nothing here, so that replacing the command's name is enough.
struct IdleFlag {
  std::string_view name;
  std::string_view value;  // placeholder; empty: a flag
};
constexpr std::array<IdleFlag, 19> kIdle = {{
    {"cuda", ""},
    {"no-cuda", ""},
    {"lazy-unpickle", ""},
    {"no-lazy-unpickle", ""},
    {"low-cpu-memory", ""},
    {"no-low-cpu-memory", ""},
    {"copy-tokenizer", ""},
    {"no-allow-crimes", ""},
    {"trust-remote-code", ""},
    {"no-trust-remote-code", ""},
    {"clone-tensors", ""},
    {"no-clone-tensors", ""},
    {"write-model-card", ""},
    {"safe-serialization", ""},
    {"read-to-gpu", ""},
    {"multi-gpu", ""},
    {"async-write", ""},
    {"lora-merge-cache", "DIR"},
    {"lora-merge-dtype", "D"},
}};

struct MergeArguments {
  CommonArguments common{};
  MergeOptions options{};
  std::vector<std::string> names{};  // RECIPE and OUT
  bool json{};
  bool no_card{};
  bool crimes{};
  std::array<bool, kIdle.size()> idle{};
};

Status set_compat(MergeOptions& options, const std::string& text) {
  if (text != "mergekit") {
    return Error{ErrorCode::kInvalidArgument, fmt::format("takes mergekit, not {}", shown(text))};
  }
  options.compat = true;
  return ok();
}

void declare(OptionSet& options, MergeArguments& into) {
  MergeOptions& merge = into.options;
  options.arguments("RECIPE and OUT", into.names, 2, 2);
  options.flag("dry-run", merge.dry_run, "print the plan and write nothing");
  options.value(
      "compat", "mergekit", [&merge](const std::string& text) { return set_compat(merge, text); },
      "round after each operation, as mergekit does");
  const auto shard_size = [&merge](const std::string& text) {
    return set_size(merge.max_shard_size, text);
  };
  options.value("max-shard-size", "S", shard_size, "bytes of a shard (default: 5GB)");
  options.value("out-shard-size", "S", shard_size, "the same, as mergekit-yaml calls it");
  options.value(
      "random-seed", "N",
      [&merge](const std::string& text) { return set_number(merge.seed, 0, text); },
      "of methods that choose at random (default: 0)");
  options.flag("overwrite", merge.overwrite, "replace the model in OUT, once the result is there");
  options.flag("resume", merge.resume, "go on with what a killed run of this merge left");
  options.flag("no-write-model-card", into.no_card, "write no README.md on how it was made");
  options.value(
      "memory-limit", "S", [&merge](const std::string& text) { return set_limit(merge, text); },
      "bytes of memory: fewer threads where they are few");
  options.values("allow", "CODES", merge.allow, "errors with these codes stop nothing");
  options.flag("allow-crimes", into.crimes, "--allow MG701, as mergekit-yaml calls it");
  options.choice("format", {"text", "json"}, into.json, "form of the report (default: text)");
  for (std::size_t i = 0; i < kIdle.size(); ++i) {
    const std::string name(kIdle[i].name);
    if (kIdle[i].value.empty()) {
      options.flag(name, into.idle[i], "taken from mergekit-yaml; means nothing here");
    } else {
      options.value(
          name, std::string(kIdle[i].value),
          [&seen = into.idle[i]](const std::string&) {
            seen = true;
            return ok();
          },
          "taken from mergekit-yaml; means nothing here");
    }
  }
  declare_common(options, into.common);
}

// One line for all of them.
void note_idle(const MergeArguments& arguments, Terminal& terminal) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kIdle.size(); ++i) {
    if (arguments.idle[i]) names.push_back("--" + std::string(kIdle[i].name));
  }
  if (names.empty() || arguments.common.quiet) return;
  terminal.complain(fmt::format("note: {} {} nothing here", fmt::join(names, ", "),
                                names.size() == 1 ? "means" : "mean"));
}

Result<int> run_merge(std::span<const std::string> words, Terminal& terminal) {
  Result<MergeArguments> parsed = parse_arguments<MergeArguments>(declare, words);
  if (!parsed) return std::move(parsed).error();
  MergeArguments& arguments = *parsed;
  MergeOptions& options = arguments.options;
  options.output = arguments.names[1];
  options.card = !arguments.no_card;
  if (arguments.crimes) options.allow.emplace_back("MG701");
  options.threads = arguments.common.threads;
  options.rules_dir = arguments.common.rules_dir;
  note_idle(arguments, terminal);
  ProgressView progress(terminal, arguments.common.progress, arguments.common.quiet);
  options.monitor = progress.monitor();
  const Result<MergeReport> report = merge(arguments.names[0], options);
  progress.clear();
  if (!report) return report.error();
  return tell_merge(*report, options, arguments.json, arguments.common.quiet, terminal);
}

}  // namespace

Status set_limit(MergeOptions& options, const std::string& text) {
  return set_size(options.memory_limit.emplace(), text);
}

int tell_merge(const MergeReport& report, const MergeOptions& options, bool json, bool quiet,
               Terminal& terminal) {
  terminal.print(json ? merge_json(report) : merge_text(report, options, terminal.style(quiet)));
  if (!report.problems.empty()) return kExitFailed;
  return report.refused.empty() ? kExitClean : kExitFindings;
}

constinit const Command kMergeCommand{
    .name = "merge",
    .usage = "RECIPE OUT [OPTIONS]",
    .summary = "merge models by a recipe that mergekit reads",
    .about =
        "Checks every input and the plan before a byte is written, streams in little memory, and\n"
        "publishes OUT, a new or empty folder, only when a check of it finds no error.",
    .examples =
        "  shardwright merge recipe.yml ./merged --dry-run\n"
        "  shardwright merge recipe.yml ./merged",
    .options_help = options_help<MergeArguments, declare>,
    .run = run_merge,
};

}  // namespace shardwright
