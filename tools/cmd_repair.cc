#include "tools/cmd_repair.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "report/words.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

void declare(OptionSet& options, RepairArguments& into) {
  options.arguments("MODEL", into.models, 1, 1);
  options.value("output", "DIR", into.options.output, "write the result to DIR, new or empty");
  options.flag("in-place", into.in_place,
               "change MODEL itself; what is replaced is kept for --undo");
  options.flag("undo", into.undo, "put back what the last repair in place replaced");
  options.flag("forget", into.forget, "delete what is kept for --undo");
  options.flag("dry-run", into.options.dry_run, "print the plan and change nothing");
  options.flag("unsafe", into.options.unsafe, "also fixes that need a decision");
  options.flag("partial", into.options.partial, "write a result although errors are left");
  options.flag("copy", into.options.copy, "copy unchanged files instead of linking them");
  options.values("select", "CODES", into.options.check.select,
                 "mend only what these checks find: codes, names or beginnings of codes");
  options.values("ignore", "CODES", into.options.check.ignore,
                 "leave what these checks find as it is; an error that is left still counts");
  options.flag("drop-tied", into.drop_tied, "do not store a head that equals the embedding");
  options.flag("materialize-tied", into.materialize_tied,
               "store a tied head, for tools that want it");
  options.flag("untie", into.untie, "say in the config that head and embedding are two weights");
  options.value("layout", "NAME", into.options.layout,
                "rewrite to this layout of the architecture");
  options.value("arch", "NAME", into.options.check.arch, "judge by this architecture");
  options.choice("format", {"text", "json"}, into.json, "form of the report (default: text)");
  declare_common(options, into.common);
}

Error usage(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

// An option that was given, and says how to repair.
std::string_view without_meaning(const RepairArguments& arguments) {
  const RepairOptions& options = arguments.options;
  const auto given = std::to_array<std::pair<std::string_view, bool>>({
      {"unsafe", options.unsafe},
      {"partial", options.partial},
      {"copy", options.copy},
      {"select", !options.check.select.empty()},
      {"ignore", !options.check.ignore.empty()},
      {"drop-tied", arguments.drop_tied},
      {"materialize-tied", arguments.materialize_tied},
      {"untie", arguments.untie},
      {"layout", !options.layout.empty()},
      {"arch", !options.check.arch.empty()},
  });
  const auto* found = std::ranges::find(given, true, &std::pair<std::string_view, bool>::second);
  return found == given.end() ? std::string_view() : found->first;
}

Result<int> undo(const RepairArguments& arguments, Terminal& terminal) {
  const std::string& model = arguments.models.front();
  const bool dry_run = arguments.options.dry_run;
  const Result<std::vector<std::string>> files = undo_repair(model, dry_run);
  if (!files) return files.error();
  if (arguments.json) {
    terminal.print(put_back_json(model, "undo", *files, dry_run));
  } else if (!arguments.common.quiet) {
    for (const std::string& file : *files)
      terminal.print(fmt::format("{} {}\n", dry_run ? "would put back" : "put back", shown(file)));
  }
  return kExitClean;
}

Result<int> forget(const RepairArguments& arguments, Terminal& terminal) {
  const std::string& model = arguments.models.front();
  const bool dry_run = arguments.options.dry_run;
  if (Status done = forget_repair(model, dry_run); !done) return std::move(done).error();
  if (arguments.json) {
    terminal.print(put_back_json(model, "forget", {}, dry_run));
  } else if (!arguments.common.quiet) {
    terminal.print(fmt::format("{} {} no longer be put back to what it was\n", shown(model),
                               dry_run ? "could" : "can"));
  }
  return kExitClean;
}

Result<int> run_repair(std::span<const std::string> words, Terminal& terminal) {
  Result<RepairArguments> parsed = repair_arguments(words);
  if (!parsed) return std::move(parsed).error();
  RepairArguments& arguments = *parsed;
  if (arguments.action == RepairAction::kUndo) return undo(arguments, terminal);
  if (arguments.action == RepairAction::kForget) return forget(arguments, terminal);

  ProgressView progress(terminal, arguments.common.progress, arguments.common.quiet);
  arguments.options.check.monitor = progress.monitor();
  const Result<RepairReport> report = repair(arguments.models.front(), arguments.options);
  progress.clear();
  if (!report) return report.error();
  terminal.print(arguments.json ? repair_json(*report)
                                : repair_text(*report, arguments.options,
                                              terminal.style(arguments.common.quiet)));
  const bool left = report->after.error > 0 || !report->refused.empty();
  return left ? kExitFindings : kExitClean;
}

}  // namespace

Result<RepairArguments> repair_arguments(std::span<const std::string> words) {
  Result<RepairArguments> parsed = parse_arguments<RepairArguments>(declare, words);
  if (!parsed) return parsed;
  RepairArguments& arguments = *parsed;
  RepairOptions& options = arguments.options;
  const int targets = static_cast<int>(!options.output.empty()) +
                      static_cast<int>(arguments.in_place) + static_cast<int>(arguments.undo) +
                      static_cast<int>(arguments.forget);
  if (targets == 0) {
    return usage("nothing says where the result goes: --output DIR, or --in-place");
  }
  if (targets > 1) return usage("--output, --in-place, --undo and --forget exclude each other");
  const int forms = static_cast<int>(arguments.drop_tied) +
                    static_cast<int>(arguments.materialize_tied) +
                    static_cast<int>(arguments.untie);
  if (forms > 1) return usage("--drop-tied, --materialize-tied and --untie exclude each other");
  if (arguments.undo || arguments.forget) {
    const std::string_view idle = without_meaning(arguments);
    if (!idle.empty()) {
      return usage(fmt::format("{} takes no --{}: {}", arguments.undo ? "--undo" : "--forget", idle,
                               arguments.undo
                                   ? "it puts back what the last repair in place replaced"
                                   : "it deletes what is kept for --undo"));
    }
  }
  options.tie = arguments.drop_tied          ? TieForm::kDrop
                : arguments.materialize_tied ? TieForm::kMaterialize
                : arguments.untie            ? TieForm::kUntie
                                             : TieForm::kAsFound;
  arguments.action = arguments.undo     ? RepairAction::kUndo
                     : arguments.forget ? RepairAction::kForget
                                        : RepairAction::kRepair;
  options.check.threads = arguments.common.threads;
  options.check.rules_dir = arguments.common.rules_dir;
  return parsed;
}

constinit const Command kRepairCommand{
    .name = "repair",
    .usage = "MODEL (--output DIR | --in-place | --undo | --forget) [OPTIONS]",
    .summary = "mend what can be mended without guessing",
    .about =
        "Applies every safe fix, and with --unsafe also those that need a decision. A result is "
        "written\n"
        "only when a fresh check of it finds no error; MODEL itself is changed by --in-place "
        "alone.\n"
        "Unchanged files are linked, not copied.",
    .examples =
        "  shardwright repair ./model --output ./repaired\n"
        "  shardwright repair ./model --in-place --dry-run\n"
        "  shardwright repair ./model --undo",
    .options = options_of<RepairArguments, declare>,
    .run = run_repair,
};

}  // namespace shardwright
