#include "tools/cmd_inspect.h"

#include <string>
#include <vector>

#include "shardwright/report.h"

namespace shardwright {
namespace {

struct InspectArguments {
  CommonArguments common{};
  std::vector<std::string> models{};
  bool json{};
};

void declare(OptionSet& options, InspectArguments& into) {
  options.arguments("MODEL", into.models, 1, 1);
  options.choice("format", {"text", "json"}, into.json, "form of the report (default: text)");
  declare_common(options, into.common);
}

Result<int> run_inspect(std::span<const std::string> words, Terminal& terminal) {
  const Result<InspectArguments> arguments = parse_arguments<InspectArguments>(declare, words);
  if (!arguments) return arguments.error();
  const Result<InspectReport> report =
      inspect(arguments->models.front(), {.threads = arguments->common.threads});
  if (!report) return report.error();
  terminal.print(arguments->json ? inspect_json(*report)
                                 : inspect_text(*report, terminal.style(arguments->common.quiet)));
  return kExitClean;
}

}  // namespace

constinit const Command kInspectCommand{
    .name = "inspect",
    .usage = "MODEL [OPTIONS]",
    .summary = "show files, tensors, dtypes, shapes and sizes",
    .about =
        "Reads headers alone, and judges nothing. Tensors of one kind in several layers share a "
        "row;\n"
        "--format json lists every one.",
    .examples =
        "  shardwright inspect ./model\n"
        "  shardwright inspect --format json ./model | jq '.tensors[] | select(.dtype == \"F32\")'",
    .options = options_of<InspectArguments, declare>,
    .run = run_inspect,
};

}  // namespace shardwright
