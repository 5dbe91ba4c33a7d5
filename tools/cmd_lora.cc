#include "tools/cmd_lora.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "report/words.h"
#include "shardwright/lora_job.h"
#include "shardwright/report.h"
#include "tools/merge_arguments.h"
#include "tools/values.h"

namespace shardwright {
namespace {

struct LoraArguments {
  CommonArguments common{};
  MergeOptions options{};
  std::vector<std::string> words{};  // ACTION, BASE, ADAPTER, and OUT or MERGED
  bool json{};
};

void declare(OptionSet& options, LoraArguments& into) {
  options.arguments("merge BASE ADAPTER OUT | verify BASE ADAPTER MERGED", into.words, 4, 4);
  declare_written(options, into.options);
  options.choice("format", {"text", "json"}, into.json, "form of the report (default: text)");
  declare_common(options, into.common);
}

Result<int> merge_adapter(LoraArguments& arguments, Terminal& terminal) {
  MergeOptions& options = arguments.options;
  options.output = arguments.words[3];
  options.threads = arguments.common.threads;
  options.rules_dir = arguments.common.rules_dir;
  ProgressView progress(terminal, arguments.common.progress, arguments.common.quiet);
  options.monitor = progress.monitor();
  const Result<MergeReport> report = lora_merge(arguments.words[1], arguments.words[2], options);
  progress.clear();
  if (!report) return report.error();
  return tell_merge(*report, options, arguments.json, arguments.common.quiet, terminal);
}

Result<int> verify_adapter(const LoraArguments& arguments, Terminal& terminal) {
  VerifyOptions options{.rules_dir = arguments.common.rules_dir,
                        .threads = arguments.common.threads};
  ProgressView progress(terminal, arguments.common.progress, arguments.common.quiet);
  options.monitor = progress.monitor();
  const Result<VerifyReport> report =
      lora_verify(arguments.words[1], arguments.words[2], arguments.words[3], options);
  progress.clear();
  if (!report) return report.error();
  terminal.print(arguments.json ? verify_json(*report)
                                : verify_text(*report, terminal.style(arguments.common.quiet)));
  return report->is_clean() ? kExitClean : kExitFindings;
}

Result<int> run_lora(std::span<const std::string> words, Terminal& terminal) {
  Result<LoraArguments> arguments = parse_arguments<LoraArguments>(declare, words);
  if (!arguments) return std::move(arguments).error();
  const std::string& action = arguments->words.front();
  if (action == "merge") return merge_adapter(*arguments, terminal);
  if (action == "verify") return verify_adapter(*arguments, terminal);
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("{}: the actions are 'merge BASE ADAPTER OUT' and 'verify BASE ADAPTER "
                           "MERGED'",
                           shown(action))};
}

}  // namespace

constinit const Command kLoraCommand{
    .name = "lora",
    .usage = "merge BASE ADAPTER OUT | verify BASE ADAPTER MERGED [OPTIONS]",
    .summary = "merge a LoRA adapter into its base, or see whether a model holds one",
    .about =
        "merge reads an adapter that PEFT saved and writes its base with the adapter in it: every\n"
        "pair finds its tensor, or nothing is written. verify says which of the adapter's changes "
        "a\n"
        "merged model lacks.",
    .examples =
        "  shardwright lora merge ./base ./adapter ./merged\n"
        "  shardwright lora verify ./base ./adapter ./merged",
    .options = options_of<LoraArguments, declare>,
    .run = run_lora,
};

}  // namespace shardwright
