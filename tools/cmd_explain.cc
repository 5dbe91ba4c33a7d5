#include "tools/cmd_explain.h"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "report/words.h"
#include "shardwright/check_job.h"
#include "shardwright/explain.h"
#include "tools/read_file.h"

namespace shardwright {
namespace {

struct ExplainArguments {
  CommonArguments common{};
  std::vector<std::string> query{};
  bool list{};
};

void declare(OptionSet& options, ExplainArguments& into) {
  options.arguments("CODE or TEXT", into.query, 0, 0);
  options.flag("list", into.list, "list all checks");
  declare_common(options, into.common);
}

std::string list_of_checks() {
  std::string text;
  for (const CheckInfo& check : all_checks()) {
    text += fmt::format("{} {:<26}{:<9}{:<8}{}\n", check.code, check.name,
                        severity_name(check.severity), check.repair, check.summary);
  }
  return text;
}

Result<int> run_explain(std::span<const std::string> words, Terminal& terminal) {
  const Result<ExplainArguments> arguments = parse_arguments<ExplainArguments>(declare, words);
  if (!arguments) return arguments.error();
  if (arguments->list) {
    terminal.print(list_of_checks());
    return kExitClean;
  }
  std::string query;
  for (const std::string& word : arguments->query)
    query += (query.empty() ? "" : " ") + word;
  if (query.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "nothing to explain: a code, a name, or what a loader printed"};
  }
  if (query == "-") {
    Result<std::string> text = read_file("-");
    if (!text) return std::move(text).error();
    query = *std::move(text);
  }
  const Result<std::vector<Page>> pages = explain(query);
  if (!pages) return pages.error();
  for (std::size_t i = 0; i < pages->size(); ++i) {
    if (i > 0) terminal.print("\n---\n\n");
    terminal.print((*pages)[i].text);
  }
  return kExitClean;
}

}  // namespace

constinit const Command kExplainCommand{
    .name = "explain",
    .usage = "CODE|TEXT",
    .summary = "tell what a check finds, or what a loader's message means",
    .about =
        "Prints the page of a check, by its code, its name, or the text that a loader printed: a "
        "line\n"
        "or a whole traceback; - reads that from standard input.",
    .examples =
        "  shardwright explain AR412\n"
        "  shardwright explain 'Error while deserializing header: MetadataIncompleteBuffer'\n"
        "  python load.py 2>&1 | shardwright explain -",
    .options = options_of<ExplainArguments, declare>,
    .run = run_explain,
};

}  // namespace shardwright
