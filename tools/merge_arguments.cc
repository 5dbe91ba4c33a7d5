#include "tools/merge_arguments.h"

#include <array>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "report/words.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

// Flags of mergekit that mean nothing here, so that replacing the command's name is enough.
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

// What mergekit-yaml takes for bytes, whose billion is a B; else what --max-shard-size takes.
Status set_peer_size(std::uint64_t& into, const std::string& text) {
  const std::string_view digits = std::string_view(text).substr(0, text.size() - 1);
  const bool is_billions =
      (text.ends_with('B') || text.ends_with('b')) && number_from_text(digits).has_value();
  return set_size(into, is_billions ? std::string(digits) + "GB" : text);
}

Status set_limit(MergeOptions& options, const std::string& text) {
  return set_size(options.memory_limit.emplace(), text);
}

void settle(MergeArguments& arguments, Terminal& terminal) {
  MergeOptions& options = arguments.options;
  options.output = arguments.names[1];
  options.card = !arguments.no_card;
  options.copy_tokenizer = !arguments.no_tokenizer;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started
  if (!arguments.hub_cache.empty()) ::setenv("HF_HUB_CACHE", arguments.hub_cache.c_str(), 1);
  if (arguments.crimes) options.allow.emplace_back("MG701");
  options.threads = arguments.common.threads;
  options.rules_dir = arguments.common.rules_dir;
  // One line for all that mean nothing.
  std::vector<std::string> names;
  for (const MergeArguments::IdleOption& option : arguments.idle) {
    if (option.given) names.push_back(dashed_name(option.name));
  }
  if (names.empty() || arguments.common.quiet) return;
  terminal.complain(fmt::format("note: {} {} nothing here", fmt::join(names, ", "),
                                names.size() == 1 ? "means" : "mean"));
}

}  // namespace

void declare_idle(OptionSet& options, MergeArguments& into, const std::string& name,
                  const std::string& value) {
  MergeArguments::IdleOption& option = into.idle.emplace_back();
  option.name = name;
  options.idle(name, value, option.given, "taken from mergekit; means nothing here");
}

void declare_written(OptionSet& options, MergeOptions& into) {
  options.flag("dry-run", into.dry_run, "print the plan and write nothing");
  options.value(
      "max-shard-size", "S",
      [&into](const std::string& text) { return set_size(into.max_shard_size, text); },
      "bytes of a shard (default: 5GB)");
  options.flag("resume", into.resume, "go on with what a killed run of this merge left");
  options.value(
      "memory-limit", "S", [&into](const std::string& text) { return set_limit(into, text); },
      "bytes of memory: fewer threads where they are few");
  options.values("allow", "CODES", into.allow, "errors with these codes stop nothing");
}

void declare_result(OptionSet& options, MergeArguments& into) {
  options.value("layout", "NAME", into.options.layout,
                "names of the result: another layout of its architecture");
  options.flag("overwrite", into.options.overwrite,
               "replace the model in OUT, once the result is there");
  options.flag("no-write-model-card", into.no_card, "write no README.md on how it was made");
  options.choice("format", {"text", "json"}, into.json, "form of the report (default: text)");
}

void declare_merge(OptionSet& options, MergeArguments& into) {
  MergeOptions& merge = into.options;
  options.arguments("RECIPE and OUT", into.names, 2, 2);
  declare_written(options, merge);
  options.value(
      "out-shard-size", "S",
      [&merge](const std::string& text) { return set_peer_size(merge.max_shard_size, text); },
      "the same, as mergekit has it: 5B is 5GB");
  options.value(
      "random-seed", "N",
      [&merge](const std::string& text) { return set_number(merge.seed, 0, text); },
      "of what is chosen at random (default: 0)");
  declare_result(options, into);
  options.flag("allow-crimes", into.crimes, "--allow MG701, as mergekit calls it");
  options.flag("no-copy-tokenizer", into.no_tokenizer,
               "copy no tokenizer; one that the recipe asks for is written");
  options.value("transformers-cache", "DIR", into.hub_cache,
                "the hub cache, instead of HF_HUB_CACHE");
  declare_common(options, into.common);
  // As mergekit calls them.
  options.value("num-threads", "N", into.common.threads, "--threads");
  options.value("j", "N", into.common.threads, "--threads");
  for (const IdleFlag& flag : kIdle)
    declare_idle(options, into, std::string(flag.name), std::string(flag.value));
}

int tell_merge(const MergeReport& report, const MergeOptions& options, bool json, bool quiet,
               Terminal& terminal) {
  terminal.print(json ? merge_json(report) : merge_text(report, options, terminal.style(quiet)));
  if (!report.problems.empty() || report.output_refused) return kExitFailed;
  return report.refused.empty() ? kExitClean : kExitFindings;
}

Result<int> run_merge_job(MergeArguments& arguments, Terminal& terminal, const MergeJob& job) {
  settle(arguments, terminal);
  ProgressView progress(terminal, arguments.common.progress, arguments.common.quiet);
  arguments.options.monitor = progress.monitor();
  const Result<MergeReport> report = job(arguments.names[0], arguments.options);
  progress.clear();
  if (!report) {
    if (arguments.json) {
      terminal.print(
          merge_json({.recipe = arguments.names[0], .problems = {{0, 0, report.error().message}}}));
    }
    return report.error();
  }
  return tell_merge(*report, arguments.options, arguments.json, arguments.common.quiet, terminal);
}

}  // namespace shardwright
