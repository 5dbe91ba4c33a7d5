#include "tools/cmd_merge.h"

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
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
constexpr std::array<IdleFlag, 30> kIdle = {{
    {"cuda", ""},
    {"no-cuda", ""},
    {"low-cpu-memory", ""},
    {"no-low-cpu-memory", ""},
    {"lazy-unpickle", ""},
    {"no-lazy-unpickle", ""},
    {"read-to-gpu", ""},
    {"no-read-to-gpu", ""},
    {"multi-gpu", ""},
    {"no-multi-gpu", ""},
    {"gpu-rich", ""},
    {"async-write", ""},
    {"no-async-write", ""},
    {"clone-tensors", ""},
    {"no-clone-tensors", ""},
    {"trust-remote-code", ""},
    {"no-trust-remote-code", ""},
    {"safe-serialization", ""},
    {"no-safe-serialization", ""},
    {"unsafe-truncate-embeddings", ""},
    {"no-unsafe-truncate-embeddings", ""},
    {"no-allow-crimes", ""},
    {"copy-tokenizer", ""},
    {"write-model-card", ""},
    {"no-quiet", ""},
    {"v", ""},
    {"device", "D"},
    {"write-threads", "N"},
    {"lora-merge-cache", "DIR"},
    {"lora-merge-dtype", "D"},
}};

struct MergeArguments {
  CommonArguments common{};
  MergeOptions options{};
  std::vector<std::string> names{};  // RECIPE and OUT
  bool json{};
  bool no_card{};
  bool no_tokenizer{};
  bool crimes{};
  std::string hub_cache{};
  std::array<bool, kIdle.size()> idle{};
};

// What mergekit-yaml takes for bytes, whose billion is a B; else what --max-shard-size takes.
Status set_peer_size(std::uint64_t& into, const std::string& text) {
  const std::string_view digits = std::string_view(text).substr(0, text.size() - 1);
  const bool is_billions =
      (text.ends_with('B') || text.ends_with('b')) && number_from_text(digits).has_value();
  return set_size(into, is_billions ? std::string(digits) + "GB" : text);
}

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
  options.value(
      "out-shard-size", "S",
      [&merge](const std::string& text) { return set_peer_size(merge.max_shard_size, text); },
      "the same, as mergekit-yaml has it: 5B is 5GB");
  options.value(
      "random-seed", "N",
      [&merge](const std::string& text) { return set_number(merge.seed, 0, text); },
      "of methods that choose at random (default: 0)");
  options.value("layout", "NAME", merge.layout,
                "names of the result: another layout of its architecture");
  options.flag("overwrite", merge.overwrite, "replace the model in OUT, once the result is there");
  options.flag("resume", merge.resume, "go on with what a killed run of this merge left");
  options.flag("no-write-model-card", into.no_card, "write no README.md on how it was made");
  options.value(
      "memory-limit", "S", [&merge](const std::string& text) { return set_limit(merge, text); },
      "bytes of memory: fewer threads where they are few");
  options.values("allow", "CODES", merge.allow, "errors with these codes stop nothing");
  options.flag("allow-crimes", into.crimes, "--allow MG701, as mergekit-yaml calls it");
  options.choice("format", {"text", "json"}, into.json, "form of the report (default: text)");
  options.flag("no-copy-tokenizer", into.no_tokenizer,
               "copy no tokenizer; one that the recipe asks for is written");
  options.value("transformers-cache", "DIR", into.hub_cache,
                "the hub cache, instead of HF_HUB_CACHE");
  declare_common(options, into.common);
  // As mergekit-yaml calls them.
  options.value("num-threads", "N", into.common.threads, "--threads");
  options.value("j", "N", into.common.threads, "--threads");
  for (std::size_t i = 0; i < kIdle.size(); ++i) {
    options.idle(std::string(kIdle[i].name), std::string(kIdle[i].value), into.idle[i],
                 "taken from mergekit-yaml; means nothing here");
  }
}

// One line for all of them.
void note_idle(const MergeArguments& arguments, Terminal& terminal) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kIdle.size(); ++i) {
    if (arguments.idle[i]) names.push_back(dashed_name(kIdle[i].name));
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
  options.copy_tokenizer = !arguments.no_tokenizer;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started
  if (!arguments.hub_cache.empty()) ::setenv("HF_HUB_CACHE", arguments.hub_cache.c_str(), 1);
  if (arguments.crimes) options.allow.emplace_back("MG701");
  options.threads = arguments.common.threads;
  options.rules_dir = arguments.common.rules_dir;
  note_idle(arguments, terminal);
  ProgressView progress(terminal, arguments.common.progress, arguments.common.quiet);
  options.monitor = progress.monitor();
  const Result<MergeReport> report = merge(arguments.names[0], options);
  progress.clear();
  if (!report) {
    // Whoever reads JSON finds the cause there, too.
    if (arguments.json) {
      terminal.print(
          merge_json({.recipe = arguments.names[0], .problems = {{0, 0, report.error().message}}}));
    }
    return report.error();
  }
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
