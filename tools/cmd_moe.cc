#include "tools/cmd_moe.h"

#include <string>
#include <utility>

#include "shardwright/moe_job.h"
#include "tools/merge_arguments.h"

namespace shardwright {
namespace {

struct MoeArguments {
  MergeArguments merge{};
  std::string architecture{};
  bool all_same{};
};

void declare(OptionSet& options, MoeArguments& into) {
  declare_merge(options, into.merge);
  options.value(
      "arch", "NAME", into.architecture,
      "architecture of the mixture: mixtral, qwen3_moe... (default: the first that fits)");
  options.flag("allow-all-same", into.all_same,
               "experts of one model under a gate that is made from prompts");
  options.flag("i-understand-this-is-not-useful-without-training", into.all_same,
               "the same, as mergekit-moe calls it");
  declare_idle(options, into.merge, "load-in-4bit", "");
  declare_idle(options, into.merge, "load-in-8bit", "");
}

Result<int> run_moe(std::span<const std::string> words, Terminal& terminal) {
  Result<MoeArguments> parsed = parse_arguments<MoeArguments>(declare, words);
  if (!parsed) return std::move(parsed).error();
  return run_merge_job(parsed->merge, terminal,
                       [&](const std::string& recipe, const MergeOptions& options) {
                         return moe(recipe, {.merge = options,
                                             .architecture = parsed->architecture,
                                             .allow_all_same = parsed->all_same});
                       });
}

}  // namespace

constinit const Command kMoeCommand{
    .name = "moe",
    .usage = "RECIPE OUT [OPTIONS]",
    .summary = "make a mixture of experts of dense models, by a recipe that mergekit-moe reads",
    .about =
        "Takes attention, norms, embedding and head of the base and the MLPs of the experts, and\n"
        "makes a mixture that computes what they do. Checks, writes and publishes as merge does.",
    .examples =
        "  shardwright moe recipe.yml ./mixture --dry-run\n"
        "  shardwright moe recipe.yml ./mixture --arch mixtral",
    .options = options_of<MoeArguments, declare>,
    .run = run_moe,
};

}  // namespace shardwright
