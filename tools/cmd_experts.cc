#include "tools/cmd_experts.h"

#include <cstdint>
#include <optional>
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
  MergeArguments merge{};                 // its names: ACTION, MODEL and OUT
  std::optional<std::uint64_t> expert{};  // of split
  std::vector<std::uint64_t> keep{};      // of prune
};

void declare(OptionSet& options, ExpertsArguments& into) {
  options.arguments("split MODEL OUT | prune MODEL OUT", into.merge.names, 3, 3);
  options.value(
      "expert", "N",
      [&into](const std::string& text) { return set_number(into.expert.emplace(), 0, text); },
      "split: the expert that is taken out");
  options.value(
      "keep", "LIST", [&into](const std::string& text) { return set_numbers(into.keep, text); },
      "prune: the experts that stay, such as 0,3,5-9");
  declare_written(options, into.merge.options);
  declare_result(options, into.merge);
  declare_common(options, into.merge.common);
}

Error misuse(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

Result<int> run_experts(std::span<const std::string> words, Terminal& terminal) {
  Result<ExpertsArguments> parsed = parse_arguments<ExpertsArguments>(declare, words);
  if (!parsed) return std::move(parsed).error();
  ExpertsArguments& arguments = *parsed;
  std::vector<std::string>& names = arguments.merge.names;
  const std::string action = names.front();
  names.erase(names.begin());
  if (action == "split") {
    if (!arguments.expert) return misuse("split needs --expert N: the expert that is taken out");
    if (!arguments.keep.empty()) return misuse("--keep is of prune, and split takes --expert N");
    return run_merge_job(arguments.merge, terminal,
                         [&](const std::string& model, const MergeOptions& options) {
                           return experts_split(model, *arguments.expert, options);
                         });
  }
  if (action != "prune") {
    return misuse(
        fmt::format("{}: the actions are 'split MODEL OUT --expert N' and 'prune MODEL "
                    "OUT --keep LIST'",
                    shown(action)));
  }
  if (arguments.keep.empty()) return misuse("prune needs --keep LIST: the experts that stay");
  if (arguments.expert) return misuse("--expert is of split, and prune takes --keep LIST");
  return run_merge_job(arguments.merge, terminal,
                       [&](const std::string& model, const MergeOptions& options) {
                         return experts_prune(model, arguments.keep, options);
                       });
}

}  // namespace

constinit const Command kExpertsCommand{
    .name = "experts",
    .usage = "split MODEL OUT --expert N | prune MODEL OUT --keep LIST [OPTIONS]",
    .summary = "take an expert out of a mixture as a dense model, or keep some of its experts",
    .about =
        "split writes the dense model that has one expert's MLPs. prune writes the mixture with "
        "some\n"
        "experts alone, numbered anew: routers, their biases and the config follow. Both check,\n"
        "write and publish as merge does.",
    .examples =
        "  shardwright experts split ./mixture ./dense --expert 3\n"
        "  shardwright experts prune ./mixture ./smaller --keep 0,3,5-9",
    .options = options_of<ExpertsArguments, declare>,
    .run = run_experts,
};

}  // namespace shardwright
