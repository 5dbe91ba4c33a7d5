#include "tools/cmd_synth.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "report/words.h"
#include "shardwright/report.h"
#include "shardwright/synth_job.h"
#include "tools/values.h"

namespace shardwright {
namespace {

struct SynthArguments {
  CommonArguments common{};
  SynthOptions options{};
  std::vector<std::string> names{};  // SCHEMA and OUT
};

Status set_key(SynthOptions& options, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("takes KEY=VALUE, not {}", shown(text))};
  }
  options.set.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  return ok();
}

std::string names_of_defects() {
  std::string names;
  for (const SynthDefect& defect : synth_defects())
    names += (names.empty() ? "" : "|") + std::string(defect.name);
  return names;
}

void declare(OptionSet& options, SynthArguments& into) {
  SynthOptions& synth = into.options;
  options.arguments("SCHEMA and OUT", into.names, 2, 2);
  options.value("config", "FILE", synth.config_file,
                "the config.json (default: the rule's example)");
  options.values(
      "set", "KEY=VALUE", [&synth](const std::string& text) { return set_key(synth, text); },
      "change a key of the config; dots lead into nested objects");
  options.value("dtype", "bf16|f16|f32", synth.dtype,
                "dtype of the weights (default: the config's)");
  options.value("layout", "NAME", synth.layout, "the form on disk (default: the hub's)");
  options.value(
      "shards", "N",
      [&synth](const std::string& text) { return set_number(synth.shards, 1, text); },
      "so many shards of nearly equal size");
  options.value(
      "max-shard-size", "S",
      [&synth](const std::string& text) { return set_size(synth.max_shard_size, text); },
      "or as many as this needs (default: 5GB)");
  options.value(
      "seed", "N", [&synth](const std::string& text) { return set_number(synth.seed, 0, text); },
      "of the weights (default: 0)");
  options.flag("sparse", synth.sparse, "all weights zero, on hardly any disk");
  options.value("defect", names_of_defects(), synth.defect, "what to do wrong, to see it found");
  declare_common(options, into.common);
}

Result<int> run_synth(std::span<const std::string> words, Terminal& terminal) {
  Result<SynthArguments> arguments = parse_arguments<SynthArguments>(declare, words);
  if (!arguments) return std::move(arguments).error();
  SynthOptions& options = arguments->options;
  options.schema = arguments->names[0];
  options.output = arguments->names[1];
  options.threads = arguments->common.threads;
  options.rules_dir = arguments->common.rules_dir;
  ProgressView progress(terminal, arguments->common.progress, arguments->common.quiet);
  options.monitor = progress.monitor();
  const Result<SynthReport> report = synth(options);
  progress.clear();
  if (!report) return report.error();
  if (!arguments->common.quiet) terminal.print(synth_text(*report, options.output));
  return kExitClean;
}

}  // namespace

constinit const Command kSynthCommand{
    .name = "synth",
    .usage = "SCHEMA OUT [OPTIONS]",
    .summary = "write a checkpoint of an architecture with random weights",
    .about =
        "SCHEMA is the name of a rule (`shardwright schema list`) or a model type; OUT is a new or "
        "empty\n"
        "folder. The same options give the same bytes. For tests, demonstrations and benchmarks.",
    .examples =
        "  shardwright synth llama ./model --set num_hidden_layers=4 --shards 2\n"
        "  shardwright synth gemma2 ./model --defect spurious-head\n"
        "  shardwright synth deepseek_v3 ./model --config config.json --sparse",
    .options = options_of<SynthArguments, declare>,
    .run = run_synth,
};

}  // namespace shardwright
