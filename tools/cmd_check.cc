#include "tools/cmd_check.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "report/words.h"
#include "shardwright/report.h"
#include "tools/output_file.h"
#include "tools/read_file.h"

namespace shardwright {
namespace {

Status set_severity(CheckOptions& options, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string code = text.substr(0, equals);
  const std::string level = equals == std::string::npos ? "" : text.substr(equals + 1);
  const auto severity = severity_from_name(level);
  if (code.empty() || !severity) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("takes CODE=LEVEL with error, warning or info, not {}", shown(text))};
  }
  options.severity[code] = *severity;
  return ok();
}

Status set_threshold(std::optional<Severity>& into, const std::string& text) {
  into = severity_from_name(text);
  if (into) return ok();
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("takes error, warning or info, not {}", shown(text))};
}

void declare(OptionSet& options, CheckArguments& into) {
  options.arguments("MODEL", into.models, 0, 0);
  options.choice("format", {"text", "json", "jsonl", "sarif", "github"}, into.format,
                 "form of the results (default: text)");
  options.value("output-file", "F", into.output_file, "write the results to F");
  options.value("files-from", "F", into.files_from,
                "more MODELs, one a line, or each ended by a NUL; - is standard input");
  options.flag("data", into.options.data,
               "also read the tensors' bytes: NaN, infinities, proof of ties");
  options.values("select", "CODES", into.options.select,
                 "only these checks: codes, names or beginnings of codes");
  options.values("ignore", "CODES", into.options.ignore, "not these checks");
  options.values(
      "severity", "CODE=LEVEL",
      [&into](const std::string& text) { return set_severity(into.options, text); },
      "another severity for a check");
  options.value(
      "fail-on", "error|warning|info",
      [&into](const std::string& text) { return set_threshold(into.fail_on, text); },
      "what ends with exit code 1 (default: warning)");
  options.value("config-file", "F", into.config_file,
                "ignores, severities and a threshold, in TOML or JSON");
  options.flag("no-config-file", into.no_config_file,
               "take no notice of a .shardwright.toml or .shardwright.json beside a model");
  options.value("arch", "NAME", into.options.arch, "judge by this architecture");
  declare_common(options, into.common);
}

// Where results go: standard output, or the file of --output-file.
class Results {
 public:
  static Result<Results> open(Terminal& terminal, const std::string& path) {
    Results results(terminal);
    if (path.empty()) return results;
    Result<OutputFile> file = OutputFile::open(path);
    if (!file) return std::move(file).error();
    results.file_.emplace(std::move(*file));
    return results;
  }

  [[nodiscard]] TextStyle style(bool quiet) const {
    return file_ ? TextStyle{.color = false, .width = 0, .quiet = quiet} : terminal_->style(quiet);
  }

  void add(std::string_view text) {
    if (file_) {
      text_ += text;
    } else {
      terminal_->print(text);
    }
  }

  Status close() { return file_ ? file_->fill(text_) : ok(); }

 private:
  explicit Results(Terminal& terminal) : terminal_(&terminal) {}

  Terminal* terminal_;
  std::optional<OutputFile> file_{};
  std::string text_{};
};

Result<int> run_check(std::span<const std::string> words, Terminal& terminal) {
  Result<CheckArguments> parsed = check_arguments(words);
  if (!parsed) return std::move(parsed).error();
  CheckArguments& arguments = *parsed;
  if (!arguments.files_from.empty()) {
    if (Status read = read_names(arguments.files_from, arguments.models); !read) {
      return std::move(read).error();
    }
    if (arguments.models.empty()) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("no MODEL given, and none in {}",
                               arguments.files_from == "-" ? "standard input"
                                                           : shown(arguments.files_from))};
    }
  }
  if (!arguments.output_file.empty()) {
    if (Status kept = keeps_models(arguments.output_file, arguments.models); !kept) {
      return std::move(kept).error();
    }
  }
  Result<Results> results = Results::open(terminal, arguments.output_file);
  if (!results) return std::move(results).error();

  if (!arguments.config_file.empty()) {
    auto settings = read_check_settings(arguments.config_file);
    if (!settings) return std::move(settings).error();
    if (!arguments.fail_on) arguments.fail_on = settings->fail_on;
    arguments.options.settings = *std::move(settings);
  }
  ProgressView progress(terminal, arguments.common.progress, arguments.common.quiet);
  arguments.options.monitor = progress.monitor();
  std::size_t finished = 0;
  const auto note = [&](const std::vector<std::string>& notes) {
    if (notes.empty() || arguments.common.quiet) return;
    progress.clear();
    for (const std::string& one : notes)
      terminal.complain("note: " + one);
  };
  arguments.options.finished = [&](const ModelReport& model) {
    if (!model.error.empty()) {
      progress.clear();
      terminal.complain("error: " + model.error);
    }
    note(model.notes);
    if (arguments.format != CheckFormat::kJsonl) return;
    results->add(check_jsonl(model, finished++));
    if (!arguments.output_file.empty()) return;
    progress.clear();
    (void)terminal.flush();  // a failure is kept, and asked for at the end
  };
  const Result<std::vector<ModelReport>> models = check(arguments.models, arguments.options);
  progress.clear();
  if (!models) return models.error();
  note(unused_ignores(arguments.options, *models));
  switch (arguments.format) {
    case CheckFormat::kText:
      results->add(check_text(*models, results->style(arguments.common.quiet)));
      break;
    case CheckFormat::kJson:
      results->add(check_json(*models));
      break;
    case CheckFormat::kJsonl:
      break;  // said as each model ended
    case CheckFormat::kSarif:
      results->add(check_sarif(*models));
      break;
    case CheckFormat::kGithub:
      results->add(check_github(*models));
      break;
  }
  if (Status closed = results->close(); !closed) return std::move(closed).error();
  return check_exit_code(*models, arguments.fail_on.value_or(Severity::kWarning));
}

}  // namespace

Result<CheckArguments> check_arguments(std::span<const std::string> words) {
  Result<CheckArguments> parsed = parse_arguments<CheckArguments>(declare, words);
  if (!parsed) return parsed;
  CheckArguments& arguments = *parsed;
  if (arguments.output_file == "-") arguments.output_file.clear();  // standard output, as usual
  if (arguments.models.empty() && arguments.files_from.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "no MODEL given: a folder, a .safetensors file, an index, or a hub id"};
  }
  if (arguments.no_config_file && !arguments.config_file.empty()) {
    return Error{
        ErrorCode::kInvalidArgument,
        "--config-file and --no-config-file exclude each other: a file that is given takes "
        "the place of those beside models"};
  }
  arguments.options.settings_beside = !arguments.no_config_file;
  arguments.options.threads = arguments.common.threads;
  arguments.options.rules_dir = arguments.common.rules_dir;
  return parsed;
}

ExitCode check_exit_code(const std::vector<ModelReport>& models, Severity fail_on) {
  ExitCode code = kExitClean;
  for (const ModelReport& model : models) {
    if (!model.error.empty()) return kExitFailed;
    for (const Finding& finding : model.findings) {
      if (finding.severity >= fail_on) code = kExitFindings;
    }
  }
  return code;
}

constinit const Command kCheckCommand{
    .name = "check",
    .usage = "MODEL... [OPTIONS]",
    .summary = "say what is wrong with checkpoints",
    .about =
        "MODEL is a folder, a .safetensors file, a model.safetensors.index.json, or a hub id that "
        "is\n"
        "in the local cache. Headers, JSON files and tokenizer files are read; with --data the\n"
        "tensors' bytes too. Nothing is ever written.",
    .examples =
        "  shardwright check ./model\n"
        "  shardwright check --data --fail-on error ./model\n"
        "  shardwright check --format json --output-file findings.json ./model\n"
        "  ls -d models/* | shardwright check --files-from -",
    .options = options_of<CheckArguments, declare>,
    .run = run_check,
};

}  // namespace shardwright
