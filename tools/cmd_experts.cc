#include "tools/cmd_experts.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "report/words.h"
#include "shardwright/experts_job.h"
#include "tools/merge_arguments.h"
#include "tools/values.h"

namespace shardwright {
namespace {

struct ExpertsArguments {
  MergeArguments merge{};  // its names: ACTION, MODEL and OUT
  std::vector<std::uint64_t> keep{};
};

void declare(OptionSet& options, ExpertsArguments& into) {
  options.arguments("prune MODEL OUT --keep LIST", into.merge.names, 3, 3);
  options.value(
      "keep", "LIST", [&into](const std::string& text) { return set_numbers(into.keep, text); },
      "prune: the experts that stay, such as 0,3,5-9");
  declare_written(options, into.merge.options);
  declare_result(options, into.merge);
  declare_common(options, into.merge.common);
}

Result<int> run_experts(std::span<const std::string> words, Terminal& terminal) {
  Result<ExpertsArguments> parsed = parse_arguments<ExpertsArguments>(declare, words);
  if (!parsed) return std::move(parsed).error();
  std::vector<std::string>& names = parsed->merge.names;
  const std::string action = names.front();
  names.erase(names.begin());
  if (action != "prune") {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: the action is 'prune MODEL OUT --keep LIST'", shown(action))};
  }
  if (parsed->keep.empty()) {
    return Error{ErrorCode::kInvalidArgument, "prune needs --keep LIST: the experts that stay"};
  }
  return run_merge_job(parsed->merge, terminal,
                       [&](const std::string& model, const MergeOptions& options) {
                         return experts_prune(model, parsed->keep, options);
                       });
}

}  // namespace

constinit const Command kExpertsCommand{
    .name = "experts",
    .usage = "prune MODEL OUT --keep LIST [OPTIONS]",
    .summary = "keep some experts of a mixture",
    .about =
        "prune writes the mixture with those experts alone: routers, their biases and the config\n"
        "follow, and experts are numbered anew. Checks, writes and publishes as merge does.",
    .examples = "  shardwright experts prune ./mixture ./smaller --keep 0,3,5-9",
    .options_help = options_help<ExpertsArguments, declare>,
    .run = run_experts,
};

}  // namespace shardwright
