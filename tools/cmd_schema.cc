#include "tools/cmd_schema.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "report/words.h"
#include "shardwright/report.h"
#include "shardwright/schema_job.h"

namespace shardwright {
namespace {

struct SchemaArguments {
  CommonArguments common{};
  ExpandOptions options{};
  std::vector<std::string> words{};  // ACTION and what it is about
  bool json{};
};

void declare(OptionSet& options, SchemaArguments& into) {
  options.arguments("list | show NAME | expand MODEL", into.words, 1, 2);
  options.choice("format", {"text", "json"}, into.json, "form of the output (default: text)");
  options.value("arch", "NAME", into.options.arch,
                "expand as this architecture, whatever the config says");
  options.value("layout", "NAME", into.options.layout,
                "expand in this on-disk form (default: that of the index, or hub)");
  declare_common(options, into.common);
}

Result<int> list(const SchemaArguments& arguments, Terminal& terminal) {
  const auto rows = list_schemas(arguments.common.rules_dir);
  if (!rows) return rows.error();
  terminal.print(arguments.json ? schema_list_json(*rows) : schema_list_text(*rows));
  return kExitClean;
}

Result<int> show(const SchemaArguments& arguments, Terminal& terminal) {
  const auto text = show_schema(arguments.words[1], arguments.common.rules_dir);
  if (!text) return text.error();
  terminal.print(*text);
  return kExitClean;
}

Result<int> expand(const SchemaArguments& arguments, Terminal& terminal) {
  ExpandOptions options = arguments.options;
  options.rules_dir = arguments.common.rules_dir;
  const auto expansion = expand_schema(arguments.words[1], options);
  if (!expansion) return expansion.error();
  terminal.print(arguments.json ? schema_expansion_json(*expansion)
                                : schema_expansion_text(*expansion));
  return kExitClean;
}

Result<int> run_schema(std::span<const std::string> words, Terminal& terminal) {
  const Result<SchemaArguments> arguments = parse_arguments<SchemaArguments>(declare, words);
  if (!arguments) return arguments.error();
  const std::string& action = arguments->words.front();
  const bool has_object = arguments->words.size() == 2;
  if (action == "list" && !has_object) return list(*arguments, terminal);
  if (action == "show" && has_object) return show(*arguments, terminal);
  if (action == "expand" && has_object) return expand(*arguments, terminal);
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("{}: the actions are 'list', 'show NAME' and 'expand MODEL'", shown(action))};
}

}  // namespace

constinit const Command kSchemaCommand{
    .name = "schema",
    .usage = "list | show NAME | expand MODEL [OPTIONS]",
    .summary = "list and show the known architectures, and expand one for a config",
    .about =
        "expand prints the tensors that a config asks for: names, shapes and roles. It needs no\n"
        "weights: MODEL may be a folder, a config.json, or a hub id in the local cache. An index\n"
        "beside the config selects the on-disk form.",
    .examples =
        "  shardwright schema list\n"
        "  shardwright schema show qwen2_moe\n"
        "  shardwright schema expand ./model/config.json --format json",
    .options = options_of<SchemaArguments, declare>,
    .run = run_schema,
};

}  // namespace shardwright
