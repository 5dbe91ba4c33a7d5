#include "tools/cmd_diff.h"

#include <string>
#include <vector>

#include "shardwright/diff_job.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

struct DiffArguments {
  CommonArguments common{};
  std::vector<std::string> models{};  // A and B
  DiffOptions options{};
  bool json{};
};

void declare(OptionSet& options, DiffArguments& into) {
  options.arguments("A and B", into.models, 2, 2);
  options.flag("tensors-only", into.options.tensors_only,
               "compare neither JSON files nor the other files");
  options.choice("format", {"text", "json"}, into.json, "form of the report (default: text)");
  declare_common(options, into.common);
}

Result<int> run_diff(std::span<const std::string> words, Terminal& terminal) {
  Result<DiffArguments> arguments = parse_arguments<DiffArguments>(declare, words);
  if (!arguments) return std::move(arguments).error();
  DiffOptions& options = arguments->options;
  options.threads = arguments->common.threads;
  options.rules_dir = arguments->common.rules_dir;
  ProgressView progress(terminal, arguments->common.progress, arguments->common.quiet);
  options.monitor = progress.monitor();
  const Result<DiffReport> report = diff(arguments->models[0], arguments->models[1], options);
  progress.clear();
  if (!report) return report.error();
  terminal.print(arguments->json ? diff_json(*report)
                                 : diff_text(*report, terminal.style(arguments->common.quiet)));
  if (!report->problems.empty()) return kExitFailed;
  return report->is_same() ? kExitClean : kExitFindings;
}

}  // namespace

constinit const Command kDiffCommand{
    .name = "diff",
    .usage = "A B [OPTIONS]",
    .summary = "say what two checkpoints hold that is not the same",
    .about =
        "A and B are MODELs. Tensors are compared by name, shape, dtype and bytes, whatever "
        "shards\n"
        "they are in; where only numbers differ, by how much. JSON files are compared by their\n"
        "values, other files by their bytes. Ends with 0 where all is the same, with 1 where\n"
        "something differs, and with 2 where something could not be compared.",
    .examples =
        "  shardwright diff ./base ./tuned\n"
        "  shardwright diff --tensors-only ./model org/name\n"
        "  shardwright diff --format json ./a ./b | jq -r '.tensors[] | select(.state == "
        "\"values\") "
        "| [.name, .values.largest] | @tsv'",
    .options = options_of<DiffArguments, declare>,
    .run = run_diff,
};

}  // namespace shardwright
