#include "tools/cmd_merge.h"

#include <string>

#include <fmt/format.h>

#include "report/words.h"
#include "shardwright/merge_job.h"
#include "tools/merge_arguments.h"

namespace shardwright {
namespace {

Status set_compat(MergeOptions& options, const std::string& text) {
  if (text != "mergekit") {
    return Error{ErrorCode::kInvalidArgument, fmt::format("takes mergekit, not {}", shown(text))};
  }
  options.compat = true;
  return ok();
}

void declare(OptionSet& options, MergeArguments& into) {
  declare_merge(options, into);
  options.value(
      "compat", "mergekit",
      [&into](const std::string& text) { return set_compat(into.options, text); },
      "round after each operation, as mergekit does");
}

Result<int> run_merge(std::span<const std::string> words, Terminal& terminal) {
  Result<MergeArguments> parsed = parse_arguments<MergeArguments>(declare, words);
  if (!parsed) return std::move(parsed).error();
  return run_merge_job(*parsed, terminal, merge);
}

}  // namespace

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
    .options = options_of<MergeArguments, declare>,
    .run = run_merge,
};

}  // namespace shardwright
